package schema_test

import (
	"fmt"

	"github.com/orch-build/orch/schema"
)

// A file is read into blocks, whose attributes are still expressions with the
// place where they are written.
func ExampleParse() {
	file, diags := schema.Parse("build.hcl", []byte(`
target "web" {
  tags = ["acme/web:${TAG}"]
}
`), schema.Build)
	if diags.HasErrors() {
		fmt.Println(diags)
		return
	}
	for _, t := range file.Targets {
		fmt.Println(t.Label, t.AttrRange("tags"))
	}
	// Output: web build.hcl:3,3-29
}
