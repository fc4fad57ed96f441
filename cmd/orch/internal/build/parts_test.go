package build

import (
	"testing"

	"github.com/orch-build/orch/cmd/orch/internal/clitest"
	"github.com/orch-build/orch/cmd/orch/internal/parts"
	"github.com/orch-build/orch/cmd/orch/internal/site"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
)

// What a run uses of the packages parts and site is tested here: a test binary of
// their own would link all of orch once more.

// TestTraceAsked does nothing where nobody asks for traces.
func TestTraceAsked(t *testing.T) {
	for _, vars := range []map[string]string{nil, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"}} {
		e, _, stderr := clitest.Env(vars, "bake")
		ctx, end := parts.Trace(t.Context(), nil, e, "x")
		end()
		if ctx != t.Context() || stderr.Len() > 0 {
			t.Errorf("%v: a span, or %q", vars, stderr)
		}
	}
}

// TestNowhere has no builder, and nothing that could be asked of one.
func TestNowhere(t *testing.T) {
	var s site.Site = site.Nowhere{}
	if _, err := s.SolverFor(nil); err == nil || s.Name() != "" || s.Platform() != "" || s.Embedded() || s.Engine() != nil || s.Close() != nil {
		t.Errorf("%v", err)
	}
}

// TestForeign says when targets are built for the platform of the builder.
func TestForeign(t *testing.T) {
	build := func(name string, wanted bool, platforms ...string) *planner.Build {
		return &planner.Build{Target: &config.Target{Name: name}, Wanted: wanted, Platforms: platforms}
	}
	plan := &planner.Plan{Builds: []*planner.Build{build("a", true), build("b", true, "linux/amd64"), build("c", false)}}
	for _, tt := range []struct {
		plan *planner.Plan
		own  string
		want string
	}{
		{plan, "linux/amd64", ""},
		{plan, "", ""},
		{&planner.Plan{Builds: plan.Builds[1:]}, "linux/arm64", ""},
		{plan, "linux/arm64", "arm does not have the platform of this machine (linux/amd64): targets that name no platform are built for linux/arm64 (a)"},
	} {
		if got := site.Foreign(tt.plan, "arm", tt.own, "linux/amd64"); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.own, got, tt.want)
		}
	}
}
