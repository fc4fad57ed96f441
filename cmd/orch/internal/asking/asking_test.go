package asking

import (
	"testing"

	"github.com/orch-build/orch/cmd/orch/internal/clitest"
	"github.com/orch-build/orch/cmd/orch/internal/machine"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/planner"
)

// TestAskerPolicy refuses a source policy that is not there.
func TestAskerPolicy(t *testing.T) {
	e, _, _ := clitest.Env(map[string]string{"EXPERIMENTAL_BUILDKIT_SOURCE_POLICY": "/nowhere.json"})
	if _, err := asker(planning.New(machine.New(e, nil)), &planner.Plan{}, nil, &machine.BuilderFlags{}, "auto"); !usage.Is(err) {
		t.Errorf("%v", err)
	}
}
