package server

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/language"
	"github.com/orch-build/orch/internal/language/project"
)

// Whatever an editor sends, the session goes on until the stream ends, and no
// handler panics. The documents are in a folder that does not exist.
func FuzzServe(f *testing.F) {
	open := `{"jsonrpc":"2.0","method":"textDocument/didOpen","params":{"textDocument":{"uri":"file:///nowhere/build.hcl","languageId":"hcl","version":1,"text":"target \"a\" {}"}}}`
	f.Add(open, `{"jsonrpc":"2.0","id":1,"method":"textDocument/hover","params":{"textDocument":{"uri":"file:///nowhere/build.hcl"},"position":{"line":-1,"character":9999999}}}`)
	f.Add(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"rootUri":"file://%zz","capabilities":null}}`, `{"jsonrpc":"2.0","method":"textDocument/didChange","params":{"contentChanges":[{"range":{"start":{"line":5},"end":{"line":1}},"text":"x"}]}}`)
	f.Add(`[]`, `{"jsonrpc":"2.0","id":{},"method":"workspace/symbol","params":[1]}`)
	f.Fuzz(func(t *testing.T, first, second string) {
		if strings.Contains(first+second, "file:///") && !strings.Contains(first+second, "file:///nowhere/") {
			return // it would read files of this machine
		}
		var in bytes.Buffer
		for _, text := range []string{open, first, second} {
			fmt.Fprintf(&in, "Content-Length: %d\r\n\r\n%s", len(text), text)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_ = Serve(ctx, &in, discarded, language.Options{
			Log: func(text string) { t.Error(text) },
			Machine: project.Machine{
				Options:       func(string) config.Options { return config.Options{} },
				BuildPlatform: "linux/amd64",
				Names:         [][]string{{"build.hcl"}},
			},
		}, "test")
		if ctx.Err() != nil {
			t.Error("the session did not end")
		}
	})
}
