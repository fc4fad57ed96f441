package server

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/orch-build/orch/internal/language"
)

// TestHostileStream sends what no editor does: the session ends with a reason, or
// goes on, and nobody's memory is filled by what a header announces.
func TestHostileStream(t *testing.T) {
	framed := func(text string) string { return fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(text), text) }
	for name, c := range map[string]struct{ in, answer, err string }{
		"huge":         {"Content-Length: 99999999999999\r\n\r\n{}", "", `said to have "99999999999999" bytes`},
		"negative":     {"Content-Length: -1\r\n\r\n{}", "", `said to have "-1" bytes`},
		"no number":    {"Content-Length: x\r\n\r\n{}", "", `said to have "x" bytes`},
		"no length":    {"Other: x\r\n\r\n{}", "", "does not say how long"},
		"no header":    {"hello\n", "", `"hello" is not a line of the header`},
		"long header":  {strings.Repeat("x", 1<<20), "", "header of a message is longer"},
		"many headers": {strings.Repeat("X: y\r\n", 1<<16), "", "header of a message is longer"},
		"cut off":      {"Content-Length: 60000000\r\n\r\n{", "", ""},
		"old charset":  {"Content-Type: application/vscode-jsonrpc; charset=utf8\r\n" + framed(`{"jsonrpc":"2.0","id":1,"method":"x"}`) + framed("[]"), `"id":null`, ""},
		"not JSON":     {framed("{"), "one JSON object", ""},
		"batch":        {framed(`[{"jsonrpc":"2.0","method":"x"}]`), "one JSON object", ""},
		"odd ID":       {framed(`{"jsonrpc":"2.0","id":{},"method":"x"}`), "string or a number", ""},
		"no method":    {framed(`{"jsonrpc":"2.0"}`), "has a method", ""},
		"old version":  {framed(`{"jsonrpc":"1.0","method":"x"}`), "jsonrpc is 2.0", ""},
		"parameters":   {framed(`{"jsonrpc":"2.0","method":"x","params":1}`), "parameters are", ""},
		"extra":        {framed(`{"jsonrpc":"2.0","method":"x","y":1}`), "has a method and parameters", ""},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			var out bytes.Buffer
			err := Serve(ctx, strings.NewReader(c.in), writer{&out}, language.Options{}, "test")
			if ctx.Err() != nil || err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("the session ended with %v, want %q", err, c.err)
			}
			if !strings.Contains(out.String(), c.answer) {
				t.Errorf("the answer is %q, want %q", out.String(), c.answer)
			}
		})
	}
}

// writer is where the answers go.
type writer struct{ io.Writer }

func (writer) Close() error { return nil }

// discarded is where answers go that nobody reads.
var discarded = writer{io.Discard}
