package termtext

import (
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/orch-build/orch/internal/lazyregexp"
)

// commandStart matches the beginning of a command that is obeyed wherever in a
// line it is.
var commandStart = lazyregexp.New(`#(#[\pL\pN]*\[)`)

// JSON returns a JSON document that says the same and has nothing in its strings
// that a terminal or a CI service would act on: it is there as an escape.
func JSON(data []byte) []byte {
	data = commandStart.ReplaceAll(data, []byte(`\u0023$1`))
	out := make([]byte, 0, len(data))
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		if r >= 0x7f && r < 0xa0 || isBidi(r) || r == 0x2028 || r == 0x2029 || r >= 0xfdd0 && r <= 0xfdef {
			out = fmt.Appendf(out, `\u%04x`, r)
		} else {
			out = append(out, data[:size]...)
		}
		data = data[size:]
	}
	return out
}

// JSONWriter returns a writer of whole JSON documents, one for each call of
// Write, to w.
func JSONWriter(w io.Writer) io.Writer {
	raw := Raw(w)
	return writeFunc(func(p []byte) (int, error) {
		if _, err := raw.Write(JSON(p)); err != nil {
			return 0, err
		}
		return len(p), nil
	})
}

// PrintJSON writes v as indented JSON for programs and people.
func PrintJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(JSONWriter(w))
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
