package inputs

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"slices"
	"time"
)

// Memory keeps what Plan.Inputs learned of the files of a directory from one
// call to the next. What it returns may be anything: what is not whole is
// taken for nothing.
type Memory interface {
	// Load returns what was saved for a directory, or nil.
	Load(dir string) []byte
	// Save replaces what is kept for a directory, in one step.
	Save(dir string, data []byte) error
}

// The memory of a directory is this header, the time at which it was made, the
// entries in the order of pathOrder, and a checksum of all before it.
//
// An entry is the length of the path, the path, the stamp and the sum, all
// numbers little endian and of fixed size but the first.
const memoryHeader = "orch files 1\n"

const (
	stampSize = 5*8 + 4
	sumSize   = 32
	// memoryMost bounds the entries of one directory.
	memoryMost = 2_000_000
)

var checksum = crc32.MakeTable(crc32.Castagnoli)

// fileMemory is the memory of one directory. A nil one is empty.
type fileMemory struct {
	made    int64 // when the sums were taken, in nanoseconds
	records []record
	next    int // where the last lookup ended
	changed bool
}

// record is a remembered file. Its parts are still in the form of the memory.
type record struct {
	path  string
	stamp Stamp
	sum   *[sumSize]byte
	used  bool
}

// readMemory takes a memory apart; a broken one is empty.
func readMemory(data []byte) *fileMemory {
	m := &fileMemory{}
	body, ok := checkMemory(data)
	if !ok {
		return m
	}
	made := int64(binary.LittleEndian.Uint64(body))
	body = body[8:]
	text := string(body) // the paths share it
	records := make([]record, 0, len(body)/(stampSize+sumSize+32))
	for at := 0; at < len(body); {
		n, size := binary.Uvarint(body[at:])
		at += size
		end := at + int(n)
		if size <= 0 || n > uint64(len(body)) || end+stampSize+sumSize > len(body) {
			return m
		}
		r := record{path: text[at:end], stamp: readStamp(body[end:])}
		r.sum = (*[sumSize]byte)(body[end+stampSize:])
		records = append(records, r)
		at = end + stampSize + sumSize
	}
	m.made, m.records = made, records
	return m
}

// checkMemory returns what is between the header and the checksum.
func checkMemory(data []byte) ([]byte, bool) {
	body, ok := bytes.CutPrefix(data, []byte(memoryHeader))
	if !ok || len(body) < 8+4 {
		return nil, false
	}
	end := len(data) - 4
	if crc32.Checksum(data[:end], checksum) != binary.LittleEndian.Uint32(data[end:]) {
		return nil, false
	}
	return body[:len(body)-4], true
}

func readStamp(b []byte) Stamp {
	n := func(i int) uint64 { return binary.LittleEndian.Uint64(b[i*8:]) }
	return Stamp{
		Size: int64(n(0)), MTime: int64(n(1)), CTime: int64(n(2)), Inode: n(3), Device: n(4),
		Mode: binary.LittleEndian.Uint32(b[40:]),
	}
}

func appendStamp(b []byte, s Stamp) []byte {
	for _, n := range []uint64{uint64(s.Size), uint64(s.MTime), uint64(s.CTime), s.Inode, s.Device} {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	return binary.LittleEndian.AppendUint32(b, s.Mode)
}

// sum returns the sum of a file whose stamp is the remembered one.
func (m *fileMemory) sum(dir, name string, s Stamp) *[sumSize]byte {
	i, ok := m.find(dir, name)
	if !ok {
		return nil
	}
	m.next = i + 1
	r := &m.records[i]
	if r.stamp != s || young(s, m.made) {
		return nil
	}
	r.used = true
	return r.sum
}

// find looks first behind the last one found: files are asked for in the order
// in which they are kept.
func (m *fileMemory) find(dir, name string) (int, bool) {
	if m.next < len(m.records) && isJoined(m.records[m.next].path, dir, name) {
		return m.next, true
	}
	return slices.BinarySearchFunc(m.records, join(dir, name), func(r record, path string) int { return pathOrder(r.path, path) })
}

// isJoined says whether a path is made of a directory and a name in it.
func isJoined(path, dir, name string) bool {
	at := len(path) - len(name)
	return at >= 0 && path[at:] == name && (dir == "" && at == 0 || at == len(dir)+1 && path[:at-1] == dir)
}

// young says whether a file changed so shortly before a moment that it may
// have changed again after it without its stamp showing it. File systems count
// in ticks of some milliseconds, old ones in seconds.
func young(s Stamp, moment int64) bool {
	last := max(s.MTime, s.CTime)
	tick := 50 * time.Millisecond
	if last%int64(time.Second) == 0 {
		tick = 2 * time.Second
	}
	return last >= moment-int64(tick)
}

// learn adds what was found out at a moment, and writes the memory down. Files
// that are young then are left out. What was not looked at stays, as long as
// it is not much more than what was.
func (m *fileMemory) learn(files []record, moment time.Time) []byte {
	now := moment.UnixNano()
	all := slices.DeleteFunc(files, func(r record) bool { return young(r.stamp, now) })
	if rest := len(m.records) - len(all); rest <= len(all)+10_000 {
		for _, r := range m.records {
			if !r.used && !young(r.stamp, m.made) {
				all = append(all, r)
			}
		}
	}
	// What was learned is now before what was known of the same path.
	slices.SortStableFunc(all, func(a, b record) int { return pathOrder(a.path, b.path) })
	all = slices.CompactFunc(all, func(a, b record) bool { return a.path == b.path })
	return writeMemory(all[:min(len(all), memoryMost)], now)
}

func writeMemory(records []record, made int64) []byte {
	size := len(memoryHeader) + 8 + 4
	for _, r := range records {
		size += binary.MaxVarintLen32 + len(r.path) + stampSize + sumSize
	}
	b := make([]byte, 0, size)
	b = append(b, memoryHeader...)
	b = binary.LittleEndian.AppendUint64(b, uint64(made))
	for _, r := range records {
		b = binary.AppendUvarint(b, uint64(len(r.path)))
		b = append(b, r.path...)
		b = appendStamp(b, r.stamp)
		b = append(b, r.sum[:]...)
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, checksum))
}
