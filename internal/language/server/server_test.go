package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/creachadair/jrpc2"
	"github.com/creachadair/jrpc2/channel"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/language"
	"github.com/orch-build/orch/internal/language/lsp"
	"github.com/orch-build/orch/internal/language/project"
)

// client is an editor at the other end of two pipes.
type client struct {
	*jrpc2.Client
	t         *testing.T
	published chan lsp.PublishDiagnostics
	done      chan error
}

func start(t *testing.T) *client {
	t.Helper()
	in, toServer := io.Pipe()
	fromServer, out := io.Pipe()
	c := &client{t: t, published: make(chan lsp.PublishDiagnostics, 100), done: make(chan error, 1)}
	go func() {
		err := Serve(context.Background(), in, out, language.Options{Machine: project.Machine{
			Options:       func(string) config.Options { return config.Options{} },
			BuildPlatform: "linux/amd64",
			Names:         [][]string{{"build.hcl"}},
		}}, "test")
		out.Close()
		c.done <- err
	}()
	c.Client = jrpc2.NewClient(channel.LSP(fromServer, toServer), &jrpc2.ClientOptions{
		OnNotify: func(req *jrpc2.Request) {
			var p lsp.PublishDiagnostics
			if req.Method() == "textDocument/publishDiagnostics" && req.UnmarshalParams(&p) == nil {
				c.published <- p
			}
		},
		OnCallback: func(context.Context, *jrpc2.Request) (any, error) { return nil, nil },
	})
	t.Cleanup(func() { c.Close() })
	return c
}

// ask makes a request, and returns the answer as JSON.
func (c *client) ask(method string, params any) string {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	rsp, err := c.Call(ctx, method, params)
	if err != nil {
		c.t.Fatalf("%s: %v", method, err)
	}
	return rsp.ResultString()
}

func (c *client) notify(method string, params any) {
	c.t.Helper()
	if err := c.Notify(context.Background(), method, params); err != nil {
		c.t.Fatalf("%s: %v", method, err)
	}
}

// until waits for diagnostics of a file that hold a text.
func (c *client) until(uri, text string) {
	c.t.Helper()
	deadline := time.After(time.Minute)
	for {
		select {
		case p := <-c.published:
			all, _ := json.Marshal(p.Diagnostics)
			if p.URI == uri && (text == "" && len(p.Diagnostics) == 0 || text != "" && strings.Contains(string(all), text)) {
				return
			}
		case <-deadline:
			c.t.Fatalf("no diagnostic %q of %s", text, uri)
		}
	}
}

type m = map[string]any

func TestSession(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "build.hcl")
	text := "target \"app\" {\n  tgas = [\"a\"]\n}\n"
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM scratch AS main\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	uri := lsp.URIOf(file)
	c := start(t)
	answer := c.ask("initialize", m{
		"processId": nil, "rootUri": lsp.URIOf(dir), "capabilities": m{"workspace": m{"didChangeWatchedFiles": m{"dynamicRegistration": true}}},
		"initializationOptions": m{"debounce": 0},
	})
	for _, want := range []string{"hoverProvider", `"name":"orch"`, `"change":2`} {
		if !strings.Contains(answer, want) {
			t.Errorf("initialize: no %s in %s", want, answer)
		}
	}
	c.notify("initialized", m{})
	c.notify("textDocument/didOpen", m{"textDocument": m{"uri": uri, "languageId": "hcl", "version": 1, "text": text}})
	c.until(uri, `Did you mean \"tags\"`)
	at := func(line, character int) m {
		return m{"textDocument": m{"uri": uri}, "position": m{"line": line, "character": character}}
	}
	// Only a part of the text is sent, and what comes behind it sees it.
	c.notify("textDocument/didChange", m{
		"textDocument":   m{"uri": uri, "version": 2},
		"contentChanges": []any{m{"range": m{"start": m{"line": 1, "character": 2}, "end": m{"line": 1, "character": 6}}, "text": "target = \"main\"\n  tags"}},
	})
	if got := c.ask("textDocument/hover", at(1, 13)); !strings.Contains(got, "FROM scratch AS main") {
		t.Errorf("hover: %s", got)
	}
	c.until(uri, "")
	if got := c.ask("textDocument/definition", at(1, 13)); !strings.Contains(got, "Dockerfile") {
		t.Errorf("definition: %s", got)
	}
	if got := c.ask("textDocument/completion", at(1, 12)); !strings.Contains(got, `"label":"main"`) {
		t.Errorf("completion: %s", got)
	}
	if _, err := c.Call(context.Background(), "textDocument/rename", m{"textDocument": m{"uri": uri}, "position": m{"line": 0, "character": 10}, "newName": "a b"}); err == nil {
		t.Error("a name with a blank was taken")
	}
	if _, err := c.Call(context.Background(), "no/such", nil); err == nil || !strings.Contains(err.Error(), "not found") {
		t.Errorf("an unknown request: %v", err)
	}
	if got := c.ask("shutdown", nil); got != "null" {
		t.Errorf("shutdown: %s", got)
	}
	c.notify("exit", nil) // the stream stays open
	if err := <-c.done; err != nil {
		t.Errorf("the end: %v", err)
	}
}

func TestLostEditor(t *testing.T) {
	c := start(t)
	c.ask("initialize", m{"capabilities": m{}})
	c.Close()
	if err := <-c.done; !errors.Is(err, ErrNoShutdown) {
		t.Errorf("an editor that goes away: %v", err)
	}
}

// TestExit ends a session over a stream that the editor never closes.
func TestExit(t *testing.T) {
	in, toServer := io.Pipe()
	defer toServer.Close()
	fromServer, out := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- Serve(context.Background(), in, out, language.Options{}, "test") }()
	for _, text := range []string{`{"jsonrpc":"2.0","id":1,"method":"shutdown"}`, `{"jsonrpc":"2.0","method":"exit"}`} {
		if _, err := fmt.Fprintf(toServer, "Content-Length: %d\r\n\r\n%s", len(text), text); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(text, "id") { // the answer has to be there before the end
			if _, err := fromServer.Read(make([]byte, 1000)); err != nil {
				t.Fatal(err)
			}
		}
		go io.Copy(io.Discard, fromServer)
	}
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("the end: %v", err)
		}
	case <-time.After(time.Minute):
		t.Error("exit does not end the session")
	}
}
