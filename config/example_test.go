package config_test

import (
	"fmt"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/schema"
)

// Resolve evaluates what was asked for: with the variables, functions and
// parents of a definition, and nothing that is not handed in.
func ExampleResolve() {
	file, diags := schema.Parse("build.hcl", []byte(`
variable "TAG" { default = "dev" }

target "_image" { tags = ["acme/${self.name}:${TAG}"] }
target "web"    { inherits = ["_image"] }
`), schema.Build)
	cfg, more := config.Resolve([]*schema.File{file}, config.Options{
		Targets: []string{"web"},
		Vars:    map[string]string{"TAG": "v1"},
	})
	if diags = append(diags, more...); diags.HasErrors() {
		fmt.Println(diags)
		return
	}
	fmt.Println(cfg.Target("web").Tags)
	// Output: [acme/web:v1]
}
