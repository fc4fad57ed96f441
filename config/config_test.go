package config

import (
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/hashicorp/hcl/v2"
	"golang.org/x/tools/txtar"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/config/compose"
	"github.com/orch-build/orch/schema"
)

var update = flag.Bool("update", false, "rewrite the goldens")

// mapHost is a Host in memory.
type mapHost struct{ fstest.MapFS }

func (h mapHost) Stat(name string) (fs.FileInfo, error) { return h.MapFS.Stat(filepath.Clean(name)) }
func (h mapHost) ReadFile(name string) ([]byte, error)  { return h.MapFS.ReadFile(filepath.Clean(name)) }

func (h mapHost) ReadDir(name string) ([]fs.DirEntry, error) {
	return h.MapFS.ReadDir(filepath.Clean(name))
}

func (h mapHost) RealPath(name string) (string, error) { return filepath.Clean(name), nil }

// TestFixtures resolves the definition of each archive. The lines of the
// archive's comment that begin with ">" say how; the files that are named in
// "> files" are the definition, and all files are on the host. The file
// "want" holds what is printed, or else what is wrong.
func TestFixtures(t *testing.T) {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			runFixture(t, name)
		})
	}
}

func runFixture(t *testing.T, name string) {
	t.Helper()
	archive, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	host := mapHost{fstest.MapFS{}}
	want := -1
	for i, f := range archive.Files {
		if f.Name == "want" {
			want = i
			continue
		}
		host.MapFS[f.Name] = &fstest.MapFile{Data: f.Data}
	}
	if want < 0 {
		archive.Files = append(archive.Files, txtar.File{Name: "want"})
		want = len(archive.Files) - 1
	}
	got := resolveFixture(t, archive, host)
	if *update {
		archive.Files[want].Data = got
		if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(got, archive.Files[want].Data) {
		t.Errorf("got:\n%s\nwant:\n%s", got, archive.Files[want].Data)
	}
}

func resolveFixture(t *testing.T, archive *txtar.Archive, host mapHost) []byte {
	t.Helper()
	opts, files := fixtureOptions(t, string(archive.Comment))
	opts.Host, opts.Files = host, host
	if len(files) == 0 {
		files = []string{"build.hcl"}
	}
	var parsed []*schema.File
	var diags hcl.Diagnostics
	for _, name := range files {
		src, err := host.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		f, more := Parse(name, src, &opts)
		parsed, diags = append(parsed, f), append(diags, more...)
	}
	cfg, more := Resolve(parsed, opts)
	diags = append(diags, more...)
	var out bytes.Buffer
	for _, d := range diags {
		severity := map[hcl.DiagnosticSeverity]string{hcl.DiagError: "error", hcl.DiagWarning: "warning"}[d.Severity]
		fmt.Fprintf(&out, "%s: ", severity)
		if d.Subject != nil {
			fmt.Fprintf(&out, "%s: ", d.Subject)
		}
		fmt.Fprintf(&out, "%s\n  %s\n", d.Summary, strings.ReplaceAll(d.Detail, "\n", "\n  "))
	}
	if diags.HasErrors() {
		return out.Bytes()
	}
	if err := Print(&out, cfg); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// fixtureOptions reads the lines "> KEY VALUE…" of an archive's comment.
func fixtureOptions(t *testing.T, comment string) (opts Options, files []string) {
	t.Helper()
	env := map[string]string{}
	opts = Options{
		Compose:  readCompose,
		Platform: "linux/amd64",
		Vars:     map[string]string{},
		LookupEnv: func(name string) (string, bool) {
			v, ok := env[name]
			return v, ok
		},
		Git: func(_, fact string) (any, error) {
			if v, ok := env["GIT_"+fact]; ok {
				return v, nil
			}
			return nil, nil
		},
	}
	for _, line := range strings.Split(comment, "\n") {
		line, ok := strings.CutPrefix(line, "> ")
		if !ok {
			continue
		}
		key, value, _ := strings.Cut(line, " ")
		switch key {
		case "files":
			files = strings.Fields(value)
		case "targets":
			opts.Targets = strings.Fields(value)
		case "all":
			opts.All, opts.Groups = true, true
		case "except":
			opts.Except = strings.Fields(value)
		case "filter":
			opts.Filters = append(opts.Filters, value)
		case "rounds":
			n, err := strconv.Atoi(value)
			if err != nil {
				t.Fatal(err)
			}
			opts.rounds = n
		case "remote":
			opts.Remote = &Remote{URL: value, Tree: true}
		case "relative":
			opts.FileRelative = true
		case "set":
			o, err := attribute.ParseOverride(value)
			if err != nil {
				t.Fatal(err)
			}
			opts.Overrides = append(opts.Overrides, o)
		case "var", "env":
			name, v, _ := strings.Cut(value, "=")
			m := opts.Vars
			if key == "env" {
				m = env
				opts.Environ = append(opts.Environ, value)
			}
			m[name] = v
		default:
			t.Fatalf("unknown line %q", line)
		}
	}
	return opts, files
}

// readCompose reads Compose files, and all that they refer to.
func readCompose(files []types.ConfigFile, env map[string]string, lenient bool) (*types.Project, error) {
	return compose.Load(files, env, lenient, func(string) error { return nil })
}
