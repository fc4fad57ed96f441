package print

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"strings"
	"sync"
)

// chunk is how much text is collected before it is written.
const chunk = 64 << 10

// writeJSON writes a struct as a json.Encoder does that indents by two spaces, but
// the elements of its lists one after the other: a plan of many targets is a hundred
// megabytes, which would be copied several times.
//
// Each field of doc has a name for JSON, and none is embedded.
func writeJSON(w io.Writer, doc any) error {
	s := stream{w: w}
	v := reflect.Indirect(reflect.ValueOf(doc))
	before := "{"
	for f, field := range v.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if options == "omitempty" && (field.IsZero() || field.Kind() == reflect.Slice && field.Len() == 0) {
			continue
		}
		fmt.Fprintf(&s.text, "%s\n  %q: ", before, name)
		if err := s.field(field); err != nil {
			return err
		}
		before = ","
	}
	s.text.WriteString("\n}\n")
	return s.flush()
}

// stream is text on its way to w, in pieces that are whole values.
type stream struct {
	w    io.Writer
	text bytes.Buffer
}

// together is how many elements of a list are made text by one goroutine at a time.
const together = 256

// field writes the value of a field. A long list is made text by all processors.
func (s *stream) field(v reflect.Value) error {
	if v.Kind() != reflect.Slice || v.Len() == 0 {
		return s.value(v, "  ")
	}
	parts := make([]stream, runtime.GOMAXPROCS(0))
	faults := make([]error, len(parts))
	s.text.WriteByte('[')
	for first := 0; first < v.Len(); {
		var all sync.WaitGroup
		for i := range parts {
			from, to := first, min(first+together, v.Len())
			first = to
			all.Go(func() { faults[i] = parts[i].elements(v, from, to) })
		}
		all.Wait()
		if err := errors.Join(faults...); err != nil {
			return err
		}
		for i := range parts {
			if err := s.take(&parts[i].text); err != nil {
				return err
			}
		}
	}
	s.text.WriteString("\n  ]")
	return nil
}

// elements writes some of the elements of a list.
func (s *stream) elements(list reflect.Value, from, to int) error {
	for i := from; i < to; i++ {
		if i > 0 {
			s.text.WriteByte(',')
		}
		s.text.WriteString("\n    ")
		if err := s.value(list.Index(i), "    "); err != nil {
			return err
		}
	}
	return nil
}

// take moves a text to the end of what is on its way.
func (s *stream) take(text *bytes.Buffer) error {
	s.text.Write(text.Bytes())
	text.Reset()
	if s.text.Len() < chunk {
		return nil
	}
	return s.flush()
}

// value writes a value whose lines begin with indent, but for the first.
func (s *stream) value(v reflect.Value, indent string) error {
	enc := json.NewEncoder(&s.text)
	enc.SetIndent(indent, "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v.Interface()); err != nil {
		return err
	}
	s.text.Truncate(s.text.Len() - 1) // the end of the line
	return nil
}

func (s *stream) flush() error {
	_, err := s.w.Write(s.text.Bytes())
	s.text.Reset()
	return err
}
