// Package server speaks the Language Server Protocol: JSON-RPC messages on a stream,
// mostly standard input and output. Each message is one call of a
// language.Service.
//
// It knows which messages there are, and nothing of what they are about.
package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"sync/atomic"

	"github.com/creachadair/jrpc2"

	"github.com/orch-build/orch/internal/language"
	"github.com/orch-build/orch/internal/language/lsp"
)

// ErrNoShutdown is returned if the client went away without saying so.
var ErrNoShutdown = errors.New("the editor ended the session without a shutdown")

// Server is one session with an editor.
type Server struct {
	*language.Service
	version string
	rpc     *jrpc2.Server
	log     func(string)
	// end ends the session.
	end context.CancelFunc
	// shutdown is true once the client asked for the end.
	shutdown atomic.Bool
	// watches says that the client tells of files that change on the disk.
	watches atomic.Bool
}

// requests is how many requests are answered at the same time. Some wait, and must
// not keep a cancellation from being read.
const requests = 64

// Serve speaks with an editor until it ends the session, the stream ends, or ctx is
// done.
func Serve(ctx context.Context, in io.Reader, out io.WriteCloser, opt language.Options, version string) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s := &Server{version: version, log: opt.Log, end: stop}
	opt.Publish = func(p lsp.PublishDiagnostics) {
		_ = s.rpc.Notify(ctx, "textDocument/publishDiagnostics", p) // fails only if the session is over
	}
	s.Service = language.New(opt)
	s.rpc = jrpc2.NewServer(assigner{s}, &jrpc2.ServerOptions{
		AllowPush: true, DisableBuiltin: true, Concurrency: requests,
		NewContext: func() context.Context { return ctx },
	})
	messages, feed := io.Pipe()
	go func() { // reads on while the editor keeps the stream open, which ends with the process
		_, err := io.Copy(feed, in)
		feed.CloseWithError(err)
	}()
	s.rpc.Start(newStream(messages, out))
	context.AfterFunc(ctx, func() {
		messages.Close()
		s.rpc.Stop()
	})
	running := make(chan struct{})
	go func() {
		defer close(running)
		s.Run(ctx)
	}()
	err := s.rpc.Wait()
	stop()
	<-running
	switch {
	case s.shutdown.Load():
		return nil
	case err != nil:
		return fmt.Errorf("speaking with the editor: %w", err)
	}
	return ErrNoShutdown
}

// assigner finds the handler of a message.
type assigner struct{ *Server }

// Assign returns what answers a message.
func (a assigner) Assign(_ context.Context, method string) jrpc2.Handler {
	h := handlers[method]
	if h == nil {
		return nil
	}
	return func(ctx context.Context, req *jrpc2.Request) (result any, err error) {
		if a.shutdown.Load() && method != "exit" {
			return nil, jrpc2.Errorf(jrpc2.InvalidRequest, "the session is over")
		}
		defer func() {
			// One answer is lost, and not the session with it.
			if fault := recover(); fault != nil {
				if a.log != nil {
					a.log(fmt.Sprintf("%s: %v\n%s", method, fault, debug.Stack()))
				}
				err = jrpc2.Errorf(jrpc2.InternalError, "a fault of orch: %v", fault)
			}
		}()
		return h(ctx, a.Server, req)
	}
}

type handler func(ctx context.Context, s *Server, req *jrpc2.Request) (any, error)

// answer makes a handler of a question with parameters.
func answer[P any](f func(ctx context.Context, s *Server, p P) (any, error)) handler {
	return func(ctx context.Context, s *Server, req *jrpc2.Request) (any, error) {
		var p P
		if text := req.ParamString(); text != "" {
			if err := json.Unmarshal([]byte(text), &p); err != nil {
				return nil, jrpc2.Errorf(jrpc2.InvalidParams, "the parameters of %s: %v", req.Method(), err)
			}
		}
		return f(ctx, s, p)
	}
}

// list makes a list that is never null: not all clients like that.
func list[T any](items []T) (any, error) {
	if items == nil {
		items = []T{}
	}
	return items, nil
}

var handlers = map[string]handler{
	"initialize":  answer(initialize),
	"initialized": answer(initialized),
	"shutdown": answer(func(_ context.Context, s *Server, _ any) (any, error) {
		s.shutdown.Store(true)
		return nil, nil
	}),
	"exit": answer(func(_ context.Context, s *Server, _ any) (any, error) {
		s.end()
		return nil, nil
	}),
	"$/cancelRequest": answer(func(_ context.Context, s *Server, p struct {
		ID json.RawMessage `json:"id"`
	}) (any, error) {
		s.rpc.CancelRequest(string(p.ID))
		return nil, nil
	}),
	"textDocument/didOpen": answer(func(_ context.Context, s *Server, p lsp.DidOpen) (any, error) {
		s.Open(p.TextDocument)
		return nil, nil
	}),
	"textDocument/didChange": answer(func(_ context.Context, s *Server, p lsp.DidChange) (any, error) {
		s.Change(p)
		return nil, nil
	}),
	"textDocument/didClose": answer(func(_ context.Context, s *Server, p lsp.DidClose) (any, error) {
		s.Close(p.TextDocument.URI)
		return nil, nil
	}),
	"textDocument/didSave":            answer(diskChanged),
	"workspace/didChangeWatchedFiles": answer(diskChanged),
	"workspace/didChangeConfiguration": answer(func(_ context.Context, s *Server, p struct {
		Settings struct {
			Orch lsp.Settings `json:"orch"`
		} `json:"settings"`
	}) (any, error) {
		s.Configure(p.Settings.Orch)
		return nil, nil
	}),
	"textDocument/completion": answer(func(ctx context.Context, s *Server, p lsp.PositionParams) (any, error) {
		return s.Complete(ctx, p), nil
	}),
	"textDocument/hover": answer(func(ctx context.Context, s *Server, p lsp.PositionParams) (any, error) {
		if h := s.Hover(ctx, p); h != nil {
			return h, nil
		}
		return nil, nil
	}),
	"textDocument/codeAction": answer(func(ctx context.Context, s *Server, p lsp.CodeActionParams) (any, error) {
		return list(s.Actions(ctx, p))
	}),
	"textDocument/codeLens": answer(func(ctx context.Context, s *Server, p lsp.DocumentParams) (any, error) {
		return list(s.Lenses(ctx, p.TextDocument.URI))
	}),
	"textDocument/definition": answer(func(ctx context.Context, s *Server, p lsp.PositionParams) (any, error) {
		return list(s.Definition(ctx, p))
	}),
	"textDocument/references": answer(func(ctx context.Context, s *Server, p lsp.ReferenceParams) (any, error) {
		return list(s.References(ctx, p))
	}),
	"textDocument/documentHighlight": answer(func(ctx context.Context, s *Server, p lsp.PositionParams) (any, error) {
		type highlight struct {
			Range lsp.Range `json:"range"`
		}
		var out []highlight
		for _, r := range s.Highlights(ctx, p) {
			out = append(out, highlight{r})
		}
		return list(out)
	}),
	"textDocument/prepareRename": answer(func(ctx context.Context, s *Server, p lsp.PositionParams) (any, error) {
		if r := s.PrepareRename(ctx, p); r != nil {
			return r, nil
		}
		return nil, nil
	}),
	"textDocument/rename": answer(func(ctx context.Context, s *Server, p lsp.RenameParams) (any, error) {
		edit, err := s.Rename(ctx, p)
		if err != nil {
			return nil, jrpc2.Errorf(requestFailed, "%v", err)
		}
		return edit, nil
	}),
	"textDocument/documentSymbol": answer(func(ctx context.Context, s *Server, p lsp.DocumentParams) (any, error) {
		return list(s.Symbols(ctx, p.TextDocument.URI))
	}),
	"workspace/symbol": answer(func(ctx context.Context, s *Server, p lsp.WorkspaceSymbolParams) (any, error) {
		return list(s.WorkspaceSymbols(ctx, p.Query))
	}),
	"textDocument/foldingRange": answer(func(ctx context.Context, s *Server, p lsp.DocumentParams) (any, error) {
		return list(s.Folding(ctx, p.TextDocument.URI))
	}),
	"textDocument/formatting": answer(func(ctx context.Context, s *Server, p lsp.DocumentParams) (any, error) {
		return list(s.Format(ctx, p.TextDocument.URI))
	}),
}

// requestFailed is the protocol's code for a request that is right and cannot be done.
const requestFailed = jrpc2.Code(-32803)

func diskChanged(_ context.Context, s *Server, _ any) (any, error) {
	s.Changed()
	return nil, nil
}

// initialize notes what the client is, and says what orch can do.
func initialize(_ context.Context, s *Server, p lsp.InitializeParams) (any, error) {
	var roots []string
	for _, f := range p.WorkspaceFolders {
		roots = append(roots, lsp.PathOf(f.URI))
	}
	if len(roots) == 0 && p.RootURI != "" {
		roots = append(roots, lsp.PathOf(p.RootURI))
	}
	s.SetRoots(slices.DeleteFunc(roots, func(path string) bool { return path == "" }))
	s.Configure(p.InitializationOptions)
	s.watches.Store(p.Capabilities.Workspace.DidChangeWatchedFiles.DynamicRegistration)
	return map[string]any{
		"serverInfo":   map[string]any{"name": "orch", "version": s.version},
		"capabilities": capabilities,
	}, nil
}

var capabilities = map[string]any{
	"positionEncoding": "utf-16",
	"textDocumentSync": map[string]any{
		"openClose": true,
		"change":    2, // parts of the text
		"save":      map[string]any{"includeText": false},
	},
	"completionProvider":         map[string]any{"triggerCharacters": []string{"\"", ".", "=", "$", "{", ":", "/", ","}},
	"hoverProvider":              true,
	"codeActionProvider":         map[string]any{"codeActionKinds": []string{"quickfix"}},
	"codeLensProvider":           map[string]any{},
	"definitionProvider":         true,
	"referencesProvider":         true,
	"documentHighlightProvider":  true,
	"documentSymbolProvider":     true,
	"workspaceSymbolProvider":    true,
	"foldingRangeProvider":       true,
	"documentFormattingProvider": true,
	"renameProvider":             map[string]any{"prepareProvider": true},
	"workspace": map[string]any{
		"workspaceFolders": map[string]any{"supported": true, "changeNotifications": true},
	},
}

// initialized asks the client to tell when files change that are not open.
func initialized(ctx context.Context, s *Server, _ any) (any, error) {
	if !s.watches.Load() {
		return nil, nil
	}
	type watcher struct {
		GlobPattern string `json:"globPattern"`
	}
	go func() {
		// A client that refuses only has stale diagnostics until the next change.
		_, _ = s.rpc.Callback(context.WithoutCancel(ctx), "client/registerCapability", map[string]any{
			"registrations": []any{map[string]any{
				"id": "files", "method": "workspace/didChangeWatchedFiles",
				"registerOptions": map[string]any{"watchers": []watcher{
					{"**/*.hcl"}, {"**/build.json"}, {"**/docker-bake*.json"}, {"**/*ockerfile*"}, {"**/*compose*.y*ml"}, {"**/.dockerignore"},
				}},
			}},
		})
	}()
	return nil, nil
}
