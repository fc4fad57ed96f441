package config

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/schema"
)

// seeds returns the texts that fuzzing begins with, by a name for each.
func seeds(f *testing.F, kind string) []txtar.File {
	f.Helper()
	archive, err := txtar.ParseFile(filepath.Join("testdata/seeds", kind+".txtar"))
	if err != nil {
		f.Fatal(err)
	}
	return archive.Files
}

// resolves parses and resolves one file; what resolves must be printable.
func resolves(t *testing.T, name string, src []byte, opts Options) {
	t.Helper()
	file, diags := Parse(name, src, &opts)
	if diags.HasErrors() {
		return
	}
	cfg, diags := Resolve([]*schema.File{file}, opts)
	if diags.HasErrors() {
		return
	}
	if err := Print(new(bytes.Buffer), cfg); err != nil {
		t.Fatal(err)
	}
}

// FuzzResolve resolves definitions in HCL and JSON, in either dialect; nothing
// may panic, and what resolves can be printed.
func FuzzResolve(f *testing.F) {
	for _, s := range append(seeds(f, "hcl"), seeds(f, "json")...) {
		f.Add("docker-bake"+filepath.Ext(s.Name), string(s.Data), "x,y")
	}
	f.Add("build.hcl", `target "default" { tags = ["x:${self.name}"] }`, "V=1")
	f.Add("build.json", `{"target": {"default": {"args": {"A": "${upper(V)}"}}}, "V": "x"}`, "")
	f.Add("build.hcl", "function \"f\" {\n params = [x]\n result = try(f(x), x)\n}\nx = f(1)\n", "")
	f.Fuzz(func(t *testing.T, name, src, v string) {
		if syntax, ok := schema.SyntaxOf(name); !ok || syntax == schema.Compose {
			return // FuzzCompose has those
		}
		resolves(t, name, []byte(src), Options{Platform: "linux/amd64", All: true, Vars: map[string]string{"V": v}})
	})
}

// FuzzCompose reads Compose files.
func FuzzCompose(f *testing.F) {
	for _, s := range seeds(f, "compose") {
		f.Add(string(s.Data), "x")
	}
	f.Fuzz(func(t *testing.T, src, v string) {
		if len(src) > 4000 || strings.Contains(src, "include") || strings.Contains(src, "extends") || strings.Contains(src, "env_file") {
			return // what is read on the disk is not of this test
		}
		opts := Options{Compose: readCompose, Platform: "linux/amd64", All: true, Environ: []string{"V=" + v}}
		resolves(t, "compose.yaml", []byte(src), opts)
	})
}

// FuzzOverride applies overrides to a target with every attribute.
func FuzzOverride(f *testing.F) {
	sets, err := os.ReadFile("testdata/seeds/set.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range strings.Split(string(sets), "\n") {
		f.Add(s)
		if _, rest, ok := strings.Cut(s, "."); ok {
			f.Add("a." + rest)
		}
	}
	file, diags := schema.Parse("build.hcl", []byte(`target "a" {
  tags       = ["t"]
  args       = { A = "0" }
  output     = ["type=image"]
  secret     = ["id=s,env=S"]
  ssh        = ["k=p"]
  attest     = ["type=sbom"]
  cache-from = ["x"]
  resources  = { memory = "1g" }
  policy     = ["strict=false"]
  contexts   = { x = "y" }
}`), schema.Build)
	if diags.HasErrors() {
		f.Fatal(diags)
	}
	f.Fuzz(func(t *testing.T, text string) {
		o, err := attribute.ParseOverride(text)
		if err != nil {
			return
		}
		cfg, diags := Resolve([]*schema.File{file}, Options{All: true, Overrides: []attribute.Override{o}})
		if diags.HasErrors() {
			return
		}
		if err := Print(new(bytes.Buffer), cfg); err != nil {
			t.Fatal(err)
		}
	})
}
