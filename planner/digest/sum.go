package digest

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	gohash "hash"
	"io"
	"io/fs"

	"github.com/orch-build/orch/internal/contextfs"
	"github.com/orch-build/orch/planner/inputs"
)

// framed sums fields up, each with its length.
type framed struct{ gohash.Hash }

func newFramed() framed { return framed{sha256.New()} }

func (f framed) add(fields ...string) {
	var n [8]byte
	for _, s := range fields {
		binary.LittleEndian.PutUint64(n[:], uint64(len(s)))
		f.Write(n[:])
		_, _ = io.WriteString(f.Hash, s)
	}
}

func (f framed) hex() string { return hex.EncodeToString(f.Sum(nil)) }

// hash is the sum of fields, in hexadecimal digits.
func hash(fields ...string) string {
	f := newFramed()
	f.add(fields...)
	return f.hex()
}

// inode is a file that may have several names.
type inode struct{ device, number uint64 }

// firstNames are the first names of the files that were met.
type firstNames map[inode]string

// of returns the name under which a file was met before, or "".
func (n firstNames) of(it inputs.Selected) string {
	id := inode{it.Stamp.Device, it.Stamp.Inode}
	if id.number == 0 || !it.Mode.IsRegular() {
		return ""
	}
	if name, ok := n[id]; ok {
		return name
	}
	n[id] = it.Path
	return ""
}

// sumSelection sums up what a query finds: names, types, contents, modes, links,
// and which of the names are one file.
func sumSelection(s *inputs.Selection, modes contextfs.Modes) (string, []inputs.Selected) {
	f := newFramed()
	for _, path := range s.Missing() {
		f.add("missing", path)
	}
	var faults []inputs.Selected
	first := firstNames{}
	s.Each(func(it inputs.Selected) {
		mode := it.Mode
		if modes == contextfs.GitModes {
			mode = contextfs.GitMode(mode)
		}
		f.add(it.Root, it.Path)
		if it.Err != nil {
			faults = append(faults, it)
		}
		switch {
		case mode.IsDir():
			if it.Path == "" {
				mode = fs.ModeDir // the builder makes it
			}
			f.add("folder", mode.String())
		case mode.IsRegular():
			content := ""
			if it.Sum != nil {
				content = string(it.Sum[:])
			}
			f.add("file", mode.String(), content)
			if modes == contextfs.GitModes {
				break
			}
			if name := first.of(it); name != "" {
				f.add("name of", name)
			}
		case mode&fs.ModeSymlink != 0:
			f.add("link", it.Link)
		default:
			var n [8]byte
			binary.LittleEndian.PutUint64(n[:], it.Stamp.Device)
			f.add("special", mode.String(), string(n[:]))
		}
	})
	return f.hex(), faults
}

// fileSum sums up one thing that is read.
func fileSum(it inputs.Selected, modes contextfs.Modes) string {
	mode := it.Mode
	if modes == contextfs.GitModes {
		mode = contextfs.GitMode(mode)
	}
	content := ""
	if it.Sum != nil {
		content = string(it.Sum[:])
	}
	return hash(mode.String(), it.Link, content)
}
