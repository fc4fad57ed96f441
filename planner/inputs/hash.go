package inputs

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"runtime"
	"sync"
)

// hashing computes the sums of the files of one directory.
type hashing struct {
	tree   *tree
	memory *fileMemory
	// read counts the files that had to be read.
	read int
}

// job is a file whose sum is wanted.
type job struct {
	path  string
	entry *entry
}

// add puts the regular files of a selection among those to be summed up.
func (h *hashing) add(jobs []job, s *selection) []job {
	s.each(func(dir string, it item) {
		if it.entry == nil || !it.Mode.IsRegular() || it.sum != nil || it.fault != nil {
			return
		}
		if known := h.memory.sum(dir, it.Name, it.Stamp); known != nil {
			it.sum = known
			return
		}
		it.sum = new([sha256.Size]byte) // filled by run, and not wanted twice
		jobs = append(jobs, job{it.path(dir), it.entry})
	})
	return jobs
}

// run sums up files, several at a time.
func (h *hashing) run(jobs []job) {
	h.read += len(jobs)
	var wait sync.WaitGroup
	workers := min(runtime.GOMAXPROCS(0)*2, len(jobs))
	const step = 64
	next := make(chan []job, workers)
	for range workers {
		wait.Go(func() {
			buf := make([]byte, 128<<10)
			for part := range next {
				for _, j := range part {
					h.one(j, buf)
				}
			}
		})
	}
	for len(jobs) > 0 {
		n := min(step, len(jobs))
		next <- jobs[:n]
		jobs = jobs[n:]
	}
	close(next)
	wait.Wait()
	h.memory.changed = h.memory.changed || h.read > 0
}

// errChanging is why a file has no sum that is written to all the time.
var errChanging = errors.New("changes while it is read")

// one sums up a file, again if it changes meanwhile.
func (h *hashing) one(j job, buf []byte) {
	const tries = 3
	err := errChanging
	for range tries {
		var after Stamp
		after, err = h.sum(j, buf)
		if err != nil || after == j.entry.Stamp {
			break
		}
		j.entry.Stamp, err = after, errChanging
	}
	if err != nil {
		j.entry.sum, j.entry.fault = nil, err
	}
}

// sum reads a file and returns its stamp after that.
func (h *hashing) sum(j job, buf []byte) (Stamp, error) {
	f, err := h.tree.source.Open(filepath.Join(h.tree.dir, filepath.FromSlash(j.path)))
	if err != nil {
		return Stamp{}, err
	}
	defer f.Close()
	sum := sha256.New()
	// One byte more than there should be: a file that grows is noticed by its stamp,
	// and need not be read to the end.
	if _, err := io.CopyBuffer(onlyWriter{sum}, io.LimitReader(f, j.entry.Stamp.Size+1), buf); err != nil {
		return Stamp{}, fmt.Errorf("reading: %w", err)
	}
	sum.Sum(j.entry.sum[:0])
	return f.Stamp()
}

// onlyWriter hides what would keep CopyBuffer from using the buffer.
type onlyWriter struct{ io.Writer }

// sums are the sums of what is below a directory, one for each class of what
// files can tell: equal for equal trees wherever they are.
type sums struct {
	names, contents, modes, links [sha256.Size]byte
	faults                        []readFault
}

// readFault is something whose content is not known.
type readFault struct {
	path string
	err  error
}

// sumsOf returns the sums of a loaded directory.
func (d *viewed) sumsOf() *sums {
	if d.sums != nil {
		return d.sums
	}
	w := newSumWriter()
	if d.err != nil {
		w.faults = append(w.faults, readFault{d.path, d.err})
	}
	for _, it := range d.items {
		w.add(it.Name, join(d.path, it.Name), it)
	}
	d.sums = w.done()
	return d.sums
}

// sumWriter collects what the sums are made of. Names go in with a 0 byte
// after them, which no name has.
type sumWriter struct {
	names, contents, modes, links bytes.Buffer
	faults                        []readFault
}

// sumWriters are kept for the next directory, of which there may be thousands.
var sumWriters = sync.Pool{New: func() any { return new(sumWriter) }}

func newSumWriter() *sumWriter { return sumWriters.Get().(*sumWriter) }

// add takes one thing by the name that it has for the sum; a directory with
// all that is in it.
func (w *sumWriter) add(name, path string, it item) {
	if it.dir != nil {
		s := it.dir.sumsOf()
		w.name(name, 'D')
		w.names.Write(s.names[:])
		for _, c := range []struct {
			to  *bytes.Buffer
			sum *[sha256.Size]byte
		}{{&w.contents, &s.contents}, {&w.modes, &s.modes}, {&w.links, &s.links}} {
			if *c.sum != empty {
				put(c.to, name, c.sum[:])
			}
		}
		w.faults = append(w.faults, s.faults...)
		return
	}
	w.leaf(name, path, it.entry)
}

// leaf takes a directory without what is in it, or what is not a directory.
func (w *sumWriter) leaf(name, path string, e *entry) {
	if e == nil || e.Mode.IsDir() {
		w.name(name, 'd')
		return
	}
	switch t := e.Mode.Type(); {
	case t == 0:
		w.name(name, 'f')
		if e.fault != nil {
			w.faults = append(w.faults, readFault{path, e.fault})
		} else if e.sum != nil {
			put(&w.contents, name, e.sum[:])
		}
		if bits := modeBits(e.Mode); bits != 0 {
			put(&w.modes, name, []byte{bits})
		}
	case t&fs.ModeSymlink != 0:
		w.name(name, 'l')
		put(&w.links, name, append([]byte(e.Link), 0))
	default:
		w.name(name, 's')
		fmt.Fprintf(&w.names, "%v %d\x00", t, e.Stamp.Device)
	}
}

func (w *sumWriter) name(name string, kind byte) {
	w.names.WriteString(name)
	w.names.Write([]byte{0, kind})
}

func put(b *bytes.Buffer, name string, value []byte) {
	b.WriteString(name)
	b.WriteByte(0)
	b.Write(value)
}

// modeBits is what counts of a file's mode: whether its owner may execute it,
// as git has it, and the bits that give a program another's rights. What a
// umask takes away does not count.
func modeBits(m fs.FileMode) byte {
	var bits byte
	for i, b := range []fs.FileMode{0o100, fs.ModeSetuid, fs.ModeSetgid, fs.ModeSticky} {
		if m&b != 0 {
			bits |= 1 << i
		}
	}
	return bits
}

// empty is the sum of nothing.
var empty [sha256.Size]byte

// done returns the sums. The writer is not to be used any more.
func (w *sumWriter) done() *sums {
	defer sumWriters.Put(w)
	s := &sums{faults: w.faults}
	w.faults = nil
	for _, c := range []struct {
		from *bytes.Buffer
		sum  *[sha256.Size]byte
	}{{&w.names, &s.names}, {&w.contents, &s.contents}, {&w.modes, &s.modes}, {&w.links, &s.links}} {
		if c.from.Len() > 0 {
			*c.sum = sha256.Sum256(c.from.Bytes())
		}
		c.from.Reset()
	}
	return s
}

// sums returns the sums of what is selected.
func (s *selection) sums() *sums {
	if s.known != nil {
		return s.known
	}
	w := newSumWriter()
	for i := range s.roots {
		t := &s.roots[i]
		if !t.partial {
			w.add(t.path, t.path, t.item)
			continue
		}
		w.name(t.path, 'd')
		for _, p := range t.some {
			w.leaf(p.path, p.path, p.item.entry)
		}
	}
	for _, src := range s.missing {
		w.name(src, '-')
	}
	s.known = w.done()
	return s.known
}
