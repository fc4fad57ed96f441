package config

import (
	"bytes"
	"testing"

	"github.com/orch-build/orch/config/compose"
	"github.com/orch-build/orch/schema"
)

// FuzzResolve resolves definitions in any of the syntaxes; nothing may panic,
// and what resolves can be printed.
func FuzzResolve(f *testing.F) {
	f.Add("build.hcl", `target "default" { tags = ["x:${self.name}"] }`, "V=1")
	f.Add("docker-bake.hcl", `variable "V" { type = list(string) }
target "a" {
  name = "a-${v}"
  matrix = { v = V }
  inherits = ["b"]
}
target "b" { args = target.c.args }
target "c" { args = { A = "1" } }
group "default" { targets = ["a"] }`, "V=x,y")
	f.Add("build.json", `{"target": {"default": {"args": {"A": "${upper(V)}"}}}, "V": "x"}`, "")
	f.Add("compose.yml", "services:\n  default:\n    build:\n      context: .\n      x-bake: {tags: a b}\n", "")
	f.Add("bake", "function \"f\" {\n params = [x]\n result = try(f(x), x)\n}\nx = f(1)\n", "")
	f.Fuzz(func(t *testing.T, name, src, v string) {
		opts := Options{Compose: compose.Load, Platform: "linux/amd64", All: true, Vars: map[string]string{"V": v}}
		file, diags := Parse(name, []byte(src), &opts)
		if diags.HasErrors() || file.Syntax == schema.Compose && len(src) > 1000 {
			return
		}
		cfg, diags := Resolve([]*schema.File{file}, opts)
		if diags.HasErrors() {
			return
		}
		if err := Print(new(bytes.Buffer), cfg); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzOverride applies overrides to a target with every attribute.
func FuzzOverride(f *testing.F) {
	for _, s := range []string{
		"a.tags=x", "a.tags+=x", "*.args.A=1", "a.args.B", "a.output=type=docker,dest=x", "a.push=true",
		"a.load=1", "a.secret.s=env=X", "a.resources.memory=1g", "a.policy=strict=true", "a.ssh+=k=1,2",
		"a.attest=type=sbom", "[=x", "a.cache-from=\"a,b", "a.contexts.x=", "a.platform=linux/arm64,,",
	} {
		f.Add(s)
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
		o, err := ParseOverride(text)
		if err != nil {
			return
		}
		cfg, diags := Resolve([]*schema.File{file}, Options{All: true, Overrides: []Override{o}})
		if diags.HasErrors() {
			return
		}
		if err := Print(new(bytes.Buffer), cfg); err != nil {
			t.Fatal(err)
		}
	})
}
