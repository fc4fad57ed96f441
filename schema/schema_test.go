package schema

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"golang.org/x/tools/txtar"
)

// TestFixtures parses the files of each archive. A line that ends in
// "# ERROR: TEXT" or "# WARNING: TEXT" expects a diagnostic there whose
// summary or detail has the text; no other diagnostic may come.
func TestFixtures(t *testing.T) {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range archive.Files {
				_, diags := Parse(f.Name, f.Data, DialectOf(f.Name))
				checkExpected(t, f.Name, string(f.Data), diags)
			}
		})
	}
}

func checkExpected(t *testing.T, name, src string, diags hcl.Diagnostics) {
	t.Helper()
	expected := map[string]string{}
	for i, line := range strings.Split(src, "\n") {
		for _, severity := range []string{"ERROR", "WARNING"} {
			if _, text, ok := strings.Cut(line, "# "+severity+": "); ok {
				expected[fmt.Sprintf("%s:%d %s", name, i+1, severity)] = text
			}
		}
	}
	for _, d := range diags {
		severity := "ERROR"
		if d.Severity == hcl.DiagWarning {
			severity = "WARNING"
		}
		key := fmt.Sprintf("%s:%d %s", name, d.Subject.Start.Line, severity)
		text, ok := expected[key]
		if !ok || !strings.Contains(d.Summary+": "+d.Detail, text) {
			t.Errorf("unexpected %s: %s: %s", key, d.Summary, d.Detail)
		}
		delete(expected, key)
	}
	for key, text := range expected {
		t.Errorf("missing %s: %s", key, text)
	}
}

func TestDialectOf(t *testing.T) {
	for name, want := range map[string]Dialect{
		"build.hcl":              Build,
		"a/b/build.json":         Build,
		"build.override.hcl":     Build,
		"docker-bake.hcl":        Bake,
		"mybuild.hcl":            Bake,
		"build.hcl/other.hcl":    Bake,
		"docker-compose.yml":     Bake,
		"build.override.json":    Build,
		"build.hcl.json":         Build,
		"sub/build.override.tf":  Bake,
		"services/web/build.hcl": Build,
	} {
		if got := DialectOf(name); got != want {
			t.Errorf("DialectOf(%q) = %v, want %v", name, got, want)
		}
	}
}

func TestLimits(t *testing.T) {
	for name, src := range map[string]string{
		"size":      strings.Repeat("#", MaxFileSize+1),
		"brackets":  "a = " + strings.Repeat("[", 100_000),
		"operators": "a = " + strings.Repeat("!", 1_000_000) + "true",
		"sums":      "a = 1" + strings.Repeat("+1", 1_000_000),
		"templates": "a = " + strings.Repeat(`"${`, 100_000),
	} {
		if f, diags := Parse("build.hcl", []byte(src), Build); !diags.HasErrors() || !f.Broken {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, kind := range []string{"hcl", "json"} {
		archive, err := txtar.ParseFile("../config/testdata/seeds/" + kind + ".txtar")
		if err != nil {
			f.Fatal(err)
		}
		for _, s := range archive.Files {
			f.Add("build."+kind, string(s.Data))
		}
	}
	f.Add("build.hcl", `target "a" { tags = ["x:${V}"] }`)
	f.Add("docker-bake.hcl", "variable \"V\" {\n default = [for a in [1] : a]\n validation { condition = V != null }\n}")
	f.Add("build.json", `{"target": {"a": {"args": {"A": "${B}"}}}, "group": {"g": {"targets": ["a"]}}}`)
	f.Add("build.hcl", "function \"f\" {\n params = [a]\n variadic_params = b\n result = <<EOT\n${a}\nEOT\n}")
	f.Fuzz(func(t *testing.T, name, src string) {
		file, diags := Parse(name, []byte(src), DialectOf(name))
		if file == nil {
			t.Fatal("no file")
		}
		for _, d := range diags {
			if d.Summary == "" {
				t.Fatalf("a diagnostic without a summary: %v", d)
			}
		}
	})
}
