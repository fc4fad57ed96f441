package runner_test

import (
	"context"
	"fmt"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/runnertest"
	"github.com/orch-build/orch/schema"
)

// Run runs a plan on a Solver: that of runner/buildkit for a real builder, or as
// here one that plays a script.
func ExampleRun() {
	file, _ := schema.Parse("build.hcl", []byte(`
group "default" { targets = ["api", "web"] }
target "api" { dockerfile-inline = "FROM scratch" }
target "web" {
  contexts          = { base = "target:api" }
  dockerfile-inline = "FROM base"
}
`), schema.Build)
	cfg, _ := config.Resolve([]*schema.File{file}, config.Options{})
	plan, _ := planner.New(cfg, planner.Options{Files: planner.Disk{}, BuildPlatform: "linux/amd64"})

	solver, err := runnertest.Parse("target api\nstep \"[1/1] RUN make\"\nfail \"exit code: 2\"\n")
	if err != nil {
		fmt.Println(err)
		return
	}
	report, err := runner.Run(context.Background(), plan, solver, runner.Options{KeepGoing: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, t := range report.Targets {
		fmt.Printf("%s: %s\n", t.Build.Target.Name, t.State)
	}
	// Output:
	// api: failed
	// web: blocked
}
