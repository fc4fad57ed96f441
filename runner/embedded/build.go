package embedded

import (
	"bytes"
	"debug/elf"
	"os"
)

// build is one build of the orch program.
type build struct {
	id   string // by the linker; equal for copies of a file
	time int64  // of its file
}

// buildOf reads which build a program is.
func buildOf(file string) build {
	info, err := os.Stat(file)
	if err != nil {
		return build{}
	}
	b := build{time: info.ModTime().UnixNano()}
	f, err := elf.Open(file)
	if err != nil {
		return b
	}
	defer f.Close()
	// The note is four bytes each for the sizes and its kind, "Go" and the id.
	const head = 16
	if s := f.Section(".note.go.buildid"); s != nil {
		if data, err := s.Data(); err == nil && len(data) > head {
			b.id = string(bytes.TrimRight(data[head:], "\x00"))
		}
	}
	return b
}

// after says whether a build comes after another one. Copies of one build are
// the same.
func (b build) after(other build) bool {
	switch {
	case b.id == other.id && b.id != "":
		return false
	case b.time != other.time:
		return b.time > other.time
	}
	return b.id > other.id
}
