//go:build unix

package language

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/orch-build/orch/internal/language/lsp"
)

// snippets are what random edits write.
var snippets = []string{
	"\"", "{", "}", "[", "]", "(", ")", "=", "\n", "${", "%{", "<<EOT\n", "EOT\n", "# ", "/*", "target \"x\" {\n", "group \"default\" {\n",
	"matrix = { a = [1, 2] }\n", "inherits = [\"base\"]\n", "target = \"main\"\n", "contexts = { a = \"target:app\" }\n", "[for x in [1, 2]: x]", "TAG", "target.app.tags",
	"é", "😀", "\t", "\r\n", "FROM ", "FROM base AS x\n", "ARG A=1\n", "COPY --from=0 / /\n", "RUN <<EOF\n", "\\\n", "$A", "import \"i\" {\n  source = \"build.hcl\"\n}\n", "\x00", "\xff",
}

// TestRandomEdits changes files at random and asks everything everywhere: nothing may
// end or stop orch, and what it keeps must not grow.
func TestRandomEdits(t *testing.T) {
	rounds := 1000
	if testing.Short() {
		rounds = 100
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{
		"build.hcl": "variable \"TAG\" { default = \"1\" }\ngroup \"default\" { targets = [\"app\"] }\ntarget \"base\" {\n  args = { A = TAG }\n}\n" +
			"target \"app\" {\n  inherits = [\"base\"]\n  target = \"main\"\n  tags = [\"app:${TAG}\"]\n  contexts = { tools = \"target:base\" }\n}\n",
		"Dockerfile": "ARG A=1\nFROM scratch AS base\nARG A\nRUN make $A\nFROM base AS main\nCOPY --from=tools / /\n",
	}
	for name, text := range texts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	e := newEditor(t, dir)
	for name, text := range texts {
		e.open(name, text)
	}
	e.settle()
	r := rand.New(rand.NewPCG(1, 2))
	var before uint64
	for i := range rounds {
		name := []string{"build.hcl", "Dockerfile"}[r.IntN(2)]
		if i%50 == 49 { // begin again, so that the texts stay texts
			e.change(name, lsp.ContentChange{Text: texts[name]})
		} else {
			e.change(name, randomChange(r, string(e.document(e.path(name)).Text)))
		}
		if i%5 == 0 {
			e.settle()
		}
		var asking sync.WaitGroup
		for range 3 { // editors ask several things at the same time
			seed := r.Uint64()
			asking.Go(func() { e.askAll(name, rand.New(rand.NewPCG(seed, 1))) })
		}
		asking.Wait()
		if i == rounds/2 {
			e.settle()
			before = heap()
		}
	}
	e.settle()
	if after := heap(); after > before+before/2+8<<20 {
		t.Errorf("the heap has grown from %d KB to %d KB", before>>10, after>>10)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// randomChange takes out a part of a text, or puts something in.
func randomChange(r *rand.Rand, text string) lsp.ContentChange {
	lines := strings.Split(text, "\n")
	pos := func() lsp.Position {
		n := r.IntN(len(lines) + 1)
		return lsp.Position{Line: n, Character: r.IntN(40)}
	}
	at := pos()
	change := lsp.ContentChange{Range: &lsp.Range{Start: at, End: at}}
	if r.IntN(3) > 0 {
		change.Text = snippets[r.IntN(len(snippets))]
	}
	if r.IntN(3) == 0 {
		change.Range.End = lsp.Position{Line: at.Line, Character: at.Character + r.IntN(10)}
	}
	return change
}

// askAll asks all that an editor can ask at a place.
func (e *editor) askAll(name string, r *rand.Rand) {
	ctx := context.Background()
	d := e.document(e.path(name))
	pos := lsp.PositionParams{TextDocument: lsp.TextDocument{URI: e.uri(name)}, Position: d.Position(r.IntN(len(d.Text) + 1))}
	e.Complete(ctx, pos)
	e.Hover(ctx, pos)
	e.Definition(ctx, pos)
	e.References(ctx, lsp.ReferenceParams{PositionParams: pos})
	e.PrepareRename(ctx, pos)
	_, _ = e.Rename(ctx, lsp.RenameParams{PositionParams: pos, NewName: "y"})
	e.Highlights(ctx, pos)
	e.Symbols(ctx, e.uri(name))
	e.Folding(ctx, e.uri(name))
	e.Format(ctx, e.uri(name))
	e.Lenses(ctx, e.uri(name))
	e.WorkspaceSymbols(ctx, "a")
	e.mu.Lock()
	diags := e.published[e.path(name)]
	e.mu.Unlock()
	p := lsp.CodeActionParams{TextDocument: pos.TextDocument}
	p.Context.Diagnostics = diags
	e.Actions(ctx, p)
}

// largeProject writes a project with so many targets, each with its own Dockerfile in
// tens, and returns the text of its definition.
func largeProject(t testing.TB, dir string, targets int) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("variable \"TAG\" { default = \"1\" }\ntarget \"base\" {\n  args = { VERSION = TAG }\n}\n")
	var names []string
	for i := range targets {
		name := fmt.Sprintf("app%d", i)
		names = append(names, fmt.Sprintf("%q", name))
		folder := fmt.Sprintf("group%d", i/10)
		fmt.Fprintf(&b, "target %q {\n  inherits = [\"base\"]\n  context = %q\n  target = \"stage%d\"\n  tags = [\"example.com/%s:${TAG}\"]\n  labels = { \"a\" = upper(TAG) }\n}\n", name, folder, i%10, name)
		if i%10 == 0 {
			text := "FROM scratch AS base\nARG VERSION\nCOPY --link Dockerfile /x\n"
			for n := range 10 {
				text += fmt.Sprintf("FROM base AS stage%d\nLABEL v=$VERSION n=%d\n", n, n)
			}
			if err := os.MkdirAll(filepath.Join(dir, folder), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, folder, "Dockerfile"), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	fmt.Fprintf(&b, "group \"default\" { targets = [%s] }\n", strings.Join(names, ", "))
	if err := os.WriteFile(filepath.Join(dir, "build.hcl"), []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// processorTime is what the process has used.
func processorTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkAnswers measures answers just after a change, which is when the text has to
// be read again.
func BenchmarkAnswers(b *testing.B) {
	for _, targets := range []int{200, 1000} {
		dir := b.TempDir()
		text := largeProject(b, dir, targets)
		e := newEditor(b, dir)
		e.open("build.hcl", text)
		e.settle()
		lines := strings.Split(text, "\n")
		at := func(word string) lsp.PositionParams {
			for i := len(lines) - 1; i >= 0; i-- {
				if n := strings.Index(lines[i], word); n >= 0 {
					return lsp.PositionParams{TextDocument: lsp.TextDocument{URI: e.uri("build.hcl")}, Position: lsp.Position{Line: i, Character: n + len(word)}}
				}
			}
			b.Fatalf("no %q", word)
			return lsp.PositionParams{}
		}
		ctx := context.Background()
		questions := map[string]func(){
			"completion": func() { e.Complete(ctx, at("inherits = [\"")) },
			"hover":      func() { e.Hover(ctx, at("target \"app1")) },
			"definition": func() { e.Definition(ctx, at("target = \"sta")) },
			"references": func() { e.References(ctx, lsp.ReferenceParams{PositionParams: at("inherits = [\"ba")}) },
			"symbols":    func() { e.Symbols(ctx, e.uri("build.hcl")) },
			"lenses":     func() { e.Lenses(ctx, e.uri("build.hcl")) },
			"highlights": func() { e.Highlights(ctx, at("inherits = [\"ba")) },
		}
		for _, name := range []string{"completion", "hover", "definition", "references", "symbols", "lenses", "highlights"} {
			b.Run(fmt.Sprintf("%s-%d", name, targets), func(b *testing.B) {
				var spent time.Duration
				for b.Loop() {
					b.StopTimer()
					e.change("build.hcl", lsp.ContentChange{Text: text + "\n"})
					e.settle()
					e.reports()
					e.store.Change(e.path("build.hcl"), 1, []lsp.ContentChange{{Text: text}})
					b.StartTimer()
					before := processorTime()
					questions[name]()
					spent += processorTime() - before
				}
				// On a busy machine the other figure says little.
				b.ReportMetric(float64(spent.Milliseconds())/float64(b.N), "cpu-ms/op")
			})
		}
		b.Run(fmt.Sprintf("analysis-%d", targets), func(b *testing.B) {
			for b.Loop() {
				e.change("build.hcl", lsp.ContentChange{Text: text + "\n"})
				e.settle()
			}
		})
	}
}
