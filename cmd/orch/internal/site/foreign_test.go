package site

import (
	"testing"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
)

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
		if got := Foreign(tt.plan, "arm", tt.own, "linux/amd64"); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.own, got, tt.want)
		}
	}
}
