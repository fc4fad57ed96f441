package page

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
)

// shape is what could become an element or an attribute of a page. Data are in a
// script of their own, and must not add to it.
func shape(t *testing.T, d *Data) [4]int {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, d); err != nil {
		t.Fatal(err)
	}
	text := strings.ToLower(b.String())
	return [4]int{strings.Count(text, "<"), strings.Count(text, "<script"), strings.Count(text, "</script"), strings.Count(text, "<!--")}
}

// Whatever is in the data, the page has the elements that it has without, and its
// script gets data that are JSON.
func FuzzWrite(f *testing.F) {
	f.Add([]byte(`{"title":"<!--<script>","heading":"</script>","facts":[{"name":"\u2028","value":"x"}],"targets":[null,{"name":"]]>","vertices":[9,-1]}],"vertices":[{"inputs":[{"vertex":7}],"targets":[5],"layer":-3}],"steps":[{"vertex":99}],"critical":[4]}`))
	if data, err := json.Marshal(sample(3)); err == nil {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d := &Data{}
		if json.Unmarshal(data, d) != nil {
			return
		}
		want, got := shape(t, &Data{}), shape(t, d)
		if got != want {
			t.Errorf("the page has %v, want %v", got, want)
		}
		if err := Write(io.Discard, d); err != nil {
			t.Error(err)
		}
	})
}
