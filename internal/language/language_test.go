package language

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/language/lsp"
	"github.com/orch-build/orch/internal/language/project"
)

var update = flag.Bool("update", false, "rewrite the goldens under testdata")

// editor is an editor that speaks with a Service.
type editor struct {
	*Service
	t   testing.TB
	dir string

	mu        sync.Mutex
	published map[string][]lsp.Diagnostic
	versions  map[string]int
	logged    []string
}

// testMachine is a machine with an environment of its own.
func testMachine() project.Machine {
	return project.Machine{
		Options: func(string) config.Options {
			return config.Options{
				LookupEnv: func(name string) (string, bool) {
					if name == "FROM_ENV" {
						return "from-env", true
					}
					return "", false
				},
				Platform: "linux/amd64",
				GoEnv: func(name string) (string, error) {
					out, err := exec.Command("go", "env", name).Output()
					return strings.TrimSpace(string(out)), err
				},
				Git: func(_, fact string) (any, error) { return "of-" + fact, nil },
				Now: func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) },
			}
		},
		BuildPlatform: "linux/amd64",
		Names: [][]string{
			{"build.hcl", "build.json", "build.override.hcl"}, {"docker-bake.json", "docker-bake.hcl", "docker-bake.override.hcl"},
		},
	}
}

// newEditor starts a Service for the files in a folder.
func newEditor(t testing.TB, dir string) *editor {
	t.Helper()
	e := &editor{t: t, dir: dir, published: map[string][]lsp.Diagnostic{}, versions: map[string]int{}}
	e.Service = New(Options{
		Machine: testMachine(), Lenses: true,
		Publish: func(p lsp.PublishDiagnostics) {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.published[lsp.PathOf(p.URI)] = p.Diagnostics
		},
		Log: func(text string) {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.logged = append(e.logged, text)
		},
	})
	e.SetRoots([]string{dir})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		e.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		for _, text := range e.logged {
			t.Errorf("a fault of orch: %s", text)
		}
	})
	return e
}

func (e *editor) path(name string) string { return filepath.Join(e.dir, name) }
func (e *editor) uri(name string) string  { return lsp.URIOf(e.path(name)) }

// open opens a file of the folder with a text.
func (e *editor) open(name, text string) {
	id := "hcl"
	if strings.Contains(name, "ockerfile") {
		id = "dockerfile"
	}
	e.versions[name] = 1
	e.Open(lsp.DocumentItem{URI: e.uri(name), LanguageID: id, Version: 1, Text: text})
}

// change replaces the text of an open file.
func (e *editor) change(name string, changes ...lsp.ContentChange) {
	e.versions[name]++
	version := e.versions[name]
	e.Change(lsp.DidChange{TextDocument: lsp.VersionedDocument{URI: e.uri(name), Version: &version}, ContentChanges: changes})
}

// settle waits until everything is analyzed.
func (e *editor) settle() {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := e.Settle(ctx); err != nil {
		e.t.Fatalf("waiting for the analysis: %v", err)
	}
}

// reports waits until it is published what is wrong, which comes just behind.
func (e *editor) reports() {
	e.t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		e.Service.mu.Lock()
		done := e.reported == e.changes
		e.Service.mu.Unlock()
		if done {
			return
		}
		if time.Now().After(end) {
			e.t.Fatal("nothing is published")
		}
	}
}

// diagnostics are what is shown, in the order of the files and lines.
func (e *editor) diagnostics() string {
	e.settle()
	e.reports()
	e.mu.Lock()
	defer e.mu.Unlock()
	var b strings.Builder
	for _, path := range slices.Sorted(maps.Keys(e.published)) {
		name, _ := filepath.Rel(e.dir, path)
		list := slices.Clone(e.published[path])
		slices.SortStableFunc(list, func(a, b lsp.Diagnostic) int { return a.Range.Start.Line - b.Range.Start.Line })
		for _, d := range list {
			word := map[lsp.DiagnosticSeverity]string{lsp.SeverityError: "error", lsp.SeverityWarning: "warning", lsp.SeverityHint: "hint"}[d.Severity]
			fmt.Fprintf(&b, "%s:%s: %s: %s\n", name, place(d.Range), word, strings.ReplaceAll(d.Message, e.dir, "DIR"))
		}
	}
	return b.String()
}

func place(r lsp.Range) string {
	if r.Start.Line == r.End.Line {
		return fmt.Sprintf("%d:%d-%d", r.Start.Line+1, r.Start.Character+1, r.End.Character+1)
	}
	return fmt.Sprintf("%d:%d-%d:%d", r.Start.Line+1, r.Start.Character+1, r.End.Line+1, r.End.Character+1)
}

// cursor is a place that a fixture marks.
type cursor struct {
	name string // of the file
	pos  lsp.Position
}

// cursorMark is put where the cursor is.
const cursorMark = "‸"

// fixture is a txtar file: the files of a project, of which one may hold cursorMark,
// and files want/… with what is expected. Its comment holds words that say how it is
// used.
type fixture struct {
	archive *txtar.Archive
	want    map[string]string
	cursors []cursor
}

// readFixture writes the files of a fixture into a folder, and opens them.
func readFixture(t testing.TB, file string) (*editor, *fixture) {
	t.Helper()
	ar, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{archive: ar, want: map[string]string{}}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	e := newEditor(t, dir)
	texts := map[string]string{}
	for _, file := range ar.Files {
		if strings.HasPrefix(file.Name, "want/") {
			f.want[file.Name] = string(file.Data)
			continue
		}
		text := strings.TrimSuffix(string(file.Data), "¶\n")
		for {
			before, after, ok := strings.Cut(text, cursorMark)
			if !ok {
				break
			}
			lines := strings.Split(before, "\n")
			last := lines[len(lines)-1]
			f.cursors = append(f.cursors, cursor{file.Name, lsp.Position{Line: len(lines) - 1, Character: len([]rune(last))}})
			text = before + after
		}
		texts[file.Name] = text
		path := e.path(file.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range texts {
		if !strings.Contains(string(ar.Comment), "closed: "+name) {
			e.open(name, text)
		}
	}
	e.settle()
	return e, f
}

// check compares what was found with the fixture, or rewrites it.
func (f *fixture) check(t *testing.T, file string, got map[string]string) {
	t.Helper()
	if *update {
		f.archive.Files = slices.DeleteFunc(f.archive.Files, func(f txtar.File) bool { return strings.HasPrefix(f.Name, "want/") })
		for _, name := range slices.Sorted(maps.Keys(got)) {
			f.archive.Files = append(f.archive.Files, txtar.File{Name: name, Data: []byte(got[name])})
		}
		if err := os.WriteFile(file, txtar.Format(f.archive), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if got[name] != f.want[name] {
			t.Errorf("%s:\n%s\nwant:\n%s", name, got[name], f.want[name])
		}
	}
	if len(got) != len(f.want) {
		t.Errorf("has %v, want %v", slices.Sorted(maps.Keys(f.want)), slices.Sorted(maps.Keys(got)))
	}
}

// eachFixture runs a test for each fixture of a folder.
func eachFixture(t *testing.T, dir string, test func(e *editor, f *fixture) map[string]string) {
	names, err := filepath.Glob(filepath.Join("testdata", dir, "*.txtar"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			e, f := readFixture(t, name)
			f.check(t, name, test(e, f))
		})
	}
}

// TestLongDiagnostic quotes a name of a megabyte; an editor gets the beginning of it.
func TestLongDiagnostic(t *testing.T) {
	e := newEditor(t, t.TempDir())
	e.open("build.hcl", "target \"default\" {\n  "+strings.Repeat("x", 1<<20)+" = 1\n}\n")
	if text := e.diagnostics(); len(text) > 8000 || !strings.Contains(text, "bytes more") {
		t.Errorf("%d bytes: %.300s", len(text), text)
	}
}

func TestDiagnostics(t *testing.T) {
	eachFixture(t, "diagnostics", func(e *editor, f *fixture) map[string]string {
		return map[string]string{"want/diagnostics": e.diagnostics()}
	})
}
