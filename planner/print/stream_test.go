package print

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
)

// What is written piece by piece is what the encoder writes at once.
func TestWriteJSON(t *testing.T) {
	type inner struct {
		Name  string            `json:"name"`
		Lists [][]string        `json:"lists"`
		Map   map[string]string `json:"map,omitempty"`
	}
	type document struct {
		Version int      `json:"version"`
		One     inner    `json:"one"`
		Many    []inner  `json:"many"`
		Texts   []string `json:"texts"`
		Nested  [][]int  `json:"nested"`
		Empty   []int    `json:"empty"`
		None    []int    `json:"none"`
		Left    []int    `json:"left,omitempty"`
		Gone    []int    `json:"gone,omitempty"`
		Zero    string   `json:"zero,omitempty"`
		Pointer *inner   `json:"pointer"`
	}
	doc := document{
		Version: 3,
		One:     inner{Name: "<a> & \u2028"},
		Many:    []inner{{Name: "x", Lists: [][]string{{"a", "b"}, {}, nil}}, {Map: map[string]string{"k": "v\n"}}},
		Texts:   []string{"\"quoted\"", strings.Repeat("x", chunk), "last"},
		Nested:  [][]int{{1, 2}, {}},
		Empty:   []int{},
		Gone:    []int{},
	}
	for i := range 5 * together {
		doc.Nested = append(doc.Nested, []int{i})
	}
	var want bytes.Buffer
	enc := json.NewEncoder(&want)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(doc); err != nil {
		t.Fatal(err)
	}
	w := &pieces{}
	if err := writeJSON(w, &doc); err != nil {
		t.Fatal(err)
	}
	if err := writeJSON(io.Discard, &struct {
		Bad []func() `json:"bad"`
	}{make([]func(), 2*together)}); err == nil {
		t.Error("no error where a value has no form in JSON")
	}
	if got := w.text.String(); got != want.String() {
		t.Errorf("got\n%s\nwant\n%s", got, want.String())
	}
	if w.count < 2 {
		t.Error("all was written at once")
	}
	full := errors.New("full")
	if err := writeJSON(&pieces{err: full}, &doc); !errors.Is(err, full) {
		t.Errorf("the error of writing: %v", err)
	}
}

type pieces struct {
	text  bytes.Buffer
	count int
	err   error
}

func (p *pieces) Write(data []byte) (int, error) {
	p.count++
	if p.err != nil {
		return 0, p.err
	}
	return p.text.Write(data)
}
