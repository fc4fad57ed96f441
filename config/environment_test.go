package config

import (
	"slices"
	"testing"

	"github.com/orch-build/orch/schema"
)

// TestEnvironment lists what variables took from the environment, and nothing
// that was set elsewhere or not at all.
func TestEnvironment(t *testing.T) {
	src := `
variable "TAG" { default = "dev" }
variable "PORTS" { type = list(number) }
variable "FLAG" {}
variable "UNSET" { default = "x" }
variable "TOKEN" { sensitive = true }
target "default" { tags = ["a:${TAG}"] }
`
	env := map[string]string{"TAG": "v1", "PORTS_JSON": "[1]", "FLAG": "env", "TOKEN": "hush", "OTHER": "y"}
	opts := Options{
		Vars:      map[string]string{"FLAG": "given"},
		LookupEnv: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
	}
	file, diags := Parse("build.hcl", []byte(src), &opts)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	cfg, diags := Resolve([]*schema.File{file}, opts)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	want := []EnvVar{{Name: "PORTS_JSON", Value: "[1]"}, {Name: "TAG", Value: "v1"}, {Name: "TOKEN", Value: "hush", Sensitive: true}}
	if got := cfg.Environment(); !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}
