package publication

import (
	"testing"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
)

// TestTogether counts what is pushed, however that is written.
func TestTogether(t *testing.T) {
	output := func(kind, push string) *planner.Build {
		e := config.Entry{Type: kind, Attrs: map[string]string{"push": push}}
		return &planner.Build{Target: &config.Target{Outputs: []config.Output{config.NewOutput(e)}}}
	}
	for _, tt := range []struct {
		a, b *planner.Build
		want bool
	}{
		{output("image", "true"), output("image", "1"), true},
		{output("image", "T"), output("registry", "false"), true},
		{output("image", ""), output("image", "TRUE"), true},
		{output("image", "1"), output("image", "0"), false},
		{output("image", "1"), output("oci", "1"), false},
	} {
		plan := &planner.Plan{Builds: []*planner.Build{tt.a, tt.b}}
		if got := together(plan, Options{Mode: "auto"}); got != tt.want {
			t.Errorf("%v and %v: %t", tt.a.Target.Outputs, tt.b.Target.Outputs, got)
		}
	}
}
