package print

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
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

// field writes the value of a field.
func (s *stream) field(v reflect.Value) error {
	if v.Kind() != reflect.Slice || v.Len() == 0 {
		return s.value(v, "  ")
	}
	before := "["
	for _, one := range v.Seq2() {
		s.text.WriteString(before + "\n    ")
		if err := s.value(one, "    "); err != nil {
			return err
		}
		if s.text.Len() > chunk {
			if err := s.flush(); err != nil {
				return err
			}
		}
		before = ","
	}
	s.text.WriteString("\n  ]")
	return nil
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
