package dockerfile

import (
	"bytes"

	"github.com/orch-build/orch/internal/fault"
)

// Source is a text with its lines found, so that ranges of a long file cost
// nothing.
type Source struct {
	name   string
	data   []byte
	starts []int // where each line starts
}

// NewSource finds the lines of a text; name is its file's name.
func NewSource(name string, data []byte) *Source {
	s := &Source{name: name, data: data, starts: []int{0}}
	for i, b := range data {
		if b == '\n' && i+1 < len(data) {
			s.starts = append(s.starts, i+1)
		}
	}
	return s
}

// Lines is the range of whole lines, counted from 1, without the newline of
// the last.
func (s *Source) Lines(first, last int) fault.Range {
	first = min(max(first, 1), len(s.starts))
	last = min(max(last, first), len(s.starts))
	start, end := s.starts[first-1], s.starts[last-1]
	rest := s.data[end:]
	if i := bytes.IndexByte(rest, '\n'); i >= 0 {
		rest = rest[:i]
	}
	stop := end + len(bytes.TrimSuffix(rest, []byte("\r")))
	return fault.Range{
		Filename: s.name,
		Start:    fault.Pos{Line: first, Column: 1, Byte: start},
		End:      fault.Pos{Line: last, Column: stop - end + 1, Byte: stop},
	}
}

// Word is the range of the first occurrence of word in these lines, or the
// first of the lines if it is not there as such.
func (s *Source) Word(first, last int, word string) fault.Range {
	r := s.Lines(first, last)
	i := -1
	if word != "" {
		i = bytes.Index(s.data[r.Start.Byte:r.End.Byte], []byte(word))
	}
	if i < 0 {
		return s.Lines(first, first)
	}
	before := s.data[r.Start.Byte : r.Start.Byte+i]
	line := r.Start.Line + bytes.Count(before, []byte("\n"))
	column := len(before) - bytes.LastIndexByte(before, '\n')
	at := r.Start.Byte + i
	return fault.Range{
		Filename: s.name,
		Start:    fault.Pos{Line: line, Column: column, Byte: at},
		End:      fault.Pos{Line: line, Column: column + len(word), Byte: at + len(word)},
	}
}
