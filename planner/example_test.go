package planner_test

import (
	"fmt"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/schema"
)

// New makes one graph of the stages of all targets. A stage that several of
// them need is one vertex.
func ExampleNew() {
	file, _ := schema.Parse("build.hcl", []byte(`
group "default" { targets = ["api", "web"] }

target "_image" {
  target            = self.name
  dockerfile-inline = <<EOT
FROM alpine:3 AS base
RUN apk add --no-cache ca-certificates
FROM base AS api
ENV SERVE=api
FROM base AS web
ENV SERVE=web
EOT
}

target "api" { inherits = ["_image"] }
target "web" { inherits = ["_image"] }
`), schema.Build)
	cfg, diags := config.Resolve([]*schema.File{file}, config.Options{})
	if diags.HasErrors() {
		fmt.Println(diags)
		return
	}
	plan, faults := planner.New(cfg, planner.Options{Files: planner.Disk{}, BuildPlatform: "linux/amd64"})
	if faults.HasErrors() {
		fmt.Println(faults)
		return
	}
	for _, v := range plan.Graph.Vertices {
		if v.Kind == planner.Stage {
			fmt.Println(v.Name, v.Targets)
		}
	}
	// Output:
	// base [api web]
	// api [api]
	// web [web]
}
