package planner

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/hashicorp/hcl/v2"
	"golang.org/x/tools/txtar"

	"github.com/orch-build/orch/config"
)

var update = flag.Bool("update", false, "rewrite the goldens under testdata")

// memory is a file system for tests; the working directory is its root.
type memory fstest.MapFS

func clean(name string) string {
	name = path.Clean(filepath.ToSlash(name))
	if rel, ok := strings.CutPrefix(name, "/w"); ok {
		name = path.Clean("." + rel)
	}
	return name
}

func (m memory) ReadFile(name string) ([]byte, error) {
	return fs.ReadFile(fstest.MapFS(m), clean(name))
}
func (m memory) Stat(name string) (fs.FileInfo, error) { return fs.Stat(fstest.MapFS(m), clean(name)) }
func (m memory) ReadDir(name string) ([]fs.DirEntry, error) {
	return fs.ReadDir(fstest.MapFS(m), clean(name))
}

// definition is the small form in which fixtures write a config.Config.
type definition struct {
	BuildPlatform string
	Checks        bool
	Chosen        []string
	Targets       map[string]struct {
		Context    string
		Contexts   map[string]string
		Dockerfile string
		Inline     *string `json:"dockerfile-inline"`
		Target     string
		Args       map[string]string
		Volatile   map[string]string
		Tags       []string
		Platforms  []string
		Output     []config.Entry
		CacheFrom  []config.Entry `json:"cache-from"`
		CacheTo    []config.Entry `json:"cache-to"`
		Cache      *config.Cache
		Secrets    []config.Secret
		SSH        []config.SSH
		Network    string

		Annotations   []string
		Attest        []config.Entry
		NoCacheFilter []string `json:"no-cache-filter"`
	}
}

func readContext(s string) config.Context {
	c := config.Context{Raw: s}
	var ok bool
	if c.Value, ok = strings.CutPrefix(s, "target:"); ok {
		c.Kind = config.LinkedTarget
	} else if c.Value, ok = strings.CutPrefix(s, "docker-image://"); ok {
		c.Kind = config.Image
	} else if c.Value, ok = strings.CutPrefix(s, "oci-layout://"); ok {
		c.Kind = config.OCILayout
	} else if c.Value = s; strings.HasSuffix(s, ".git") || strings.Contains(s, ".git#") {
		c.Kind = config.Git
	} else if strings.HasPrefix(s, "http") {
		c.Kind = config.HTTP
	}
	return c
}

// find is the range of word in data after an offset.
func find(data []byte, from int, word string) hcl.Range {
	i := bytes.Index(data[from:], []byte(word))
	if i < 0 {
		return hcl.Range{Filename: "build.json"}
	}
	s := newSource("build.json", data)
	line := bytes.Count(data[:from+i], []byte("\n")) + 1
	whole := s.lines(line, line)
	return hcl.Range{
		Filename: "build.json",
		Start:    hcl.Pos{Line: line, Column: from + i - whole.Start.Byte + 1, Byte: from + i},
		End:      hcl.Pos{Line: line, Column: from + i - whole.Start.Byte + 1 + len(word), Byte: from + i + len(word)},
	}
}

// each reads written entries.
func each[T any](entries []config.Entry, read func(config.Entry) T) []T {
	out := make([]T, len(entries))
	for i, e := range entries {
		out[i] = read(e)
	}
	return out
}

func testPlatforms(texts ...string) []config.Platform {
	out, err := config.ParsePlatforms(texts)
	if err != nil {
		panic(err)
	}
	return out
}

func readDefinition(t testing.TB, data []byte) (*config.Config, definition) {
	t.Helper()
	var d definition
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil {
		t.Fatalf("build.json: %v", err)
	}
	cfg := &config.Config{Chosen: d.Chosen, Sources: map[string][]byte{"build.json": data}}
	for _, name := range slices.Sorted(maps.Keys(d.Targets)) {
		in := d.Targets[name]
		at := find(data, 0, fmt.Sprintf("%q: {", name))
		if in.Context == "" {
			in.Context = "."
		}
		if in.Dockerfile == "" {
			in.Dockerfile = "Dockerfile"
		}
		target := &config.Target{
			Name: name, Range: at, Ranges: map[string]hcl.Range{}, Context: readContext(in.Context),
			Contexts: map[string]config.Context{}, Dockerfile: in.Dockerfile, DockerfileInline: in.Inline,
			Stage: in.Target, Args: in.Args, Volatile: in.Volatile, Tags: in.Tags, Platforms: testPlatforms(in.Platforms...), Outputs: each(in.Output, config.NewOutput),
			CacheFrom: each(in.CacheFrom, config.NewCacheEntry), CacheTo: each(in.CacheTo, config.NewCacheEntry), Cache: in.Cache, Network: in.Network, Secrets: in.Secrets, SSH: in.SSH,
			Annotations: in.Annotations, Attest: each(in.Attest, config.NewAttest), NoCacheFilter: in.NoCacheFilter,
		}
		end := len(data)
		if i := bytes.Index(data[at.End.Byte:], []byte("\n    }")); i >= 0 {
			end = at.End.Byte + i
		}
		for _, attr := range []string{"context", "contexts", "dockerfile", "target", "platforms", "cache", "cache-to", "tags", "output", "args", "secrets", "ssh", "annotations", "no-cache-filter"} {
			if r := find(data[:end], at.End.Byte, fmt.Sprintf("%q:", attr)); r.Start.Line > 0 {
				target.Ranges[attr] = r
			}
		}
		for k, v := range in.Contexts {
			target.Contexts[k] = readContext(v)
			target.Ranges["contexts."+k] = find(data, at.End.Byte, fmt.Sprintf("%q", k))
		}
		cfg.Targets = append(cfg.Targets, target)
	}
	if cfg.Chosen == nil {
		cfg.Chosen = slices.Sorted(maps.Keys(d.Targets))
	}
	return cfg, d
}

// planOf plans a fixture.
func planOf(t testing.TB, ar *txtar.Archive) (*config.Config, *Plan, hcl.Diagnostics) {
	t.Helper()
	files := memory{}
	var build []byte
	for _, f := range ar.Files {
		if f.Name == "build.json" {
			build = f.Data
		}
		files[f.Name] = &fstest.MapFile{Data: f.Data}
	}
	cfg, d := readDefinition(t, build)
	if d.BuildPlatform == "" {
		d.BuildPlatform = "linux/amd64"
	}
	plan, diags := New(cfg, Options{Files: files, BuildPlatform: d.BuildPlatform, Dir: "/w", Checks: d.Checks})
	return cfg, plan, diags
}

// graphText shows all that a plan holds, but the IDs and the bytes.
func graphText(p *Plan) string {
	var b strings.Builder
	for _, v := range p.Graph.Vertices {
		fmt.Fprintf(&b, "%s %s", v.Kind, v.Name)
		if v.Platform != "" {
			fmt.Fprintf(&b, " %s", v.Platform)
		}
		if v.Range.Start.Line > 0 {
			fmt.Fprintf(&b, " (%s:%d-%d)", v.Range.Filename, v.Range.Start.Line, v.Range.End.Line)
		}
		fmt.Fprintf(&b, " for %s\n", strings.Join(v.Targets, ", "))
		for _, k := range slices.Sorted(maps.Keys(v.Args)) {
			fmt.Fprintf(&b, "  arg %s=%s\n", k, v.Args[k])
		}
		for _, e := range v.Inputs {
			fmt.Fprintf(&b, "  %s %s %s", e.Why, e.From.Name, e.From.Platform)
			if e.Paths != nil {
				fmt.Fprintf(&b, " %q", e.Paths)
			}
			b.WriteString("\n")
		}
		for i, s := range v.Steps {
			fmt.Fprintf(&b, "  [%d/%d] %s\n", i+1, len(v.Steps), s.Text)
		}
	}
	for _, l := range p.Locals {
		fmt.Fprintf(&b, "local %s", l.Dir)
		if l.Excludes != nil {
			fmt.Fprintf(&b, " without %q", l.Excludes)
		}
		if l.Paths == nil {
			b.WriteString(": all\n")
		} else {
			fmt.Fprintf(&b, ": %q\n", l.Paths)
		}
	}
	for _, n := range p.Builds {
		fmt.Fprintf(&b, "build %s", n.Name())
		if !n.Wanted {
			b.WriteString(" (linked)")
		}
		for _, v := range n.Stages {
			fmt.Fprintf(&b, ", %s %s", v.Name, v.Platform)
		}
		for _, in := range n.Inputs {
			fmt.Fprintf(&b, ", after %s", in.Name())
		}
		b.WriteString("\n")
	}
	return b.String()
}

// faultText shows diagnostics the way a terminal does.
func faultText(t testing.TB, cfg *config.Config, plan *Plan, diags hcl.Diagnostics) string {
	t.Helper()
	files := map[string]*hcl.File{}
	for name, data := range cfg.Sources {
		files[name] = &hcl.File{Bytes: data}
	}
	for name, data := range plan.Sources {
		files[name] = &hcl.File{Bytes: data}
	}
	var b bytes.Buffer
	if err := hcl.NewDiagnosticTextWriter(&b, files, 100, false).WriteDiagnostics(diags); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestFixtures(t *testing.T) {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) { checkFixture(t, name) })
	}
}

func checkFixture(t *testing.T, name string) {
	ar, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	ar.Files = slices.DeleteFunc(ar.Files, func(f txtar.File) bool {
		if strings.HasPrefix(f.Name, "want/") {
			want[f.Name] = string(f.Data)
			return true
		}
		return false
	})
	cfg, plan, diags := planOf(t, ar)
	got := map[string]string{}
	if len(diags) > 0 {
		got["want/faults"] = faultText(t, cfg, plan, diags)
	} else {
		got["want/graph"] = graphText(plan)
		var b bytes.Buffer
		if err := plan.Text(&b, TextOptions{}); err != nil {
			t.Fatal(err)
		}
		got["want/text"] = b.String()
	}
	if *update {
		for _, k := range slices.Sorted(maps.Keys(got)) {
			ar.Files = append(ar.Files, txtar.File{Name: k, Data: []byte(trimLines(got[k]))})
		}
		if err := os.WriteFile(name, txtar.Format(ar), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	for _, k := range slices.Sorted(maps.Keys(got)) {
		if g := trimLines(got[k]); g != want[k] {
			t.Errorf("%s:\n%s\nwant:\n%s", k, g, want[k])
		}
	}
	if len(want) != len(got) {
		t.Errorf("has %v, want %v", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
}

// trimLines takes off the spaces at the ends of lines, which editors eat.
func trimLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " ")
	}
	return strings.Join(lines, "\n")
}
