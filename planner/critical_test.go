package planner

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/orch-build/orch/config"
)

func TestCriticalPath(t *testing.T) {
	text := "FROM a AS base\nRUN 1\nFROM base AS long\nRUN 2\nFROM base AS slow\nRUN 3\nFROM long AS more\nRUN 4\nFROM x\nCOPY --from=more / /\nCOPY --from=slow / /\n"
	plan := mustPlan(t, &config.Config{Targets: []*config.Target{
		{Name: "t", Context: config.Context{Value: "."}, DockerfileInline: &text},
	}}, memory{"x": &fstest.MapFile{}})
	times := Times{}
	names := func() string {
		var out []string
		for _, v := range plan.CriticalPath(times).Vertices {
			out = append(out, v.Name)
		}
		return strings.Join(out, " ")
	}
	if got := names(); got != "base long more 4" {
		t.Errorf("by stages: %s", got)
	}
	for _, v := range plan.Graph.Vertices {
		switch v.Name {
		case "base", "long", "more", "4":
			times[v.ID] = time.Second
		case "slow":
			times[v.ID] = time.Minute
		}
	}
	if got := names(); got != "base slow 4" {
		t.Errorf("by time: %s", got)
	}
	if p := plan.CriticalPath(times); p.Time != 62*time.Second || p.Timed != 3 {
		t.Errorf("takes %s in %d", p.Time, p.Timed)
	}
}
