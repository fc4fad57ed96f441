package language

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orch-build/orch/internal/language/lsp"
)

// TestExamples opens the examples, finds nothing wrong in them, and asks at many places.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob("../../examples/*/build.hcl")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	ctx := context.Background()
	for _, file := range files {
		dir, err := filepath.Abs(filepath.Dir(file))
		if err != nil {
			t.Fatal(err)
		}
		t.Run(filepath.Base(dir), func(t *testing.T) {
			e := newEditor(t, dir)
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			e.open("build.hcl", string(text))
			if found := e.diagnostics(); strings.Contains(found, ": error: ") {
				t.Errorf("wrong:\n%s", found)
			}
			a := e.latest(e.path("build.hcl"))
			if a == nil || a.Plan == nil {
				t.Fatal("there is no plan")
			}
			paths := a.Files
			for path := range a.Dockerfiles {
				paths = append(paths, path)
			}
			shown := 0
			for _, path := range paths {
				d := e.document(path)
				for at := 0; at < len(d.Text); at += 11 {
					p := lsp.PositionParams{TextDocument: lsp.TextDocument{URI: d.URI()}, Position: d.Position(at)}
					if e.Hover(ctx, p) != nil {
						shown++
					}
					e.Complete(ctx, p)
					for _, l := range e.Definition(ctx, p) {
						if e.document(lsp.PathOf(l.URI)) == nil {
							t.Errorf("%s:%v leads to %s, which is not there", path, p.Position, l.URI)
						}
					}
				}
			}
			if shown == 0 {
				t.Error("nothing is shown anywhere")
			}
		})
	}
}
