package place

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/shard"
)

// Targets are the targets of a plan as work.
type Targets struct {
	Work
	// Parts are what the units of Work consist of.
	Parts [][]shard.Part
	// Reached are the vertices that each unit needs.
	Reached [][]*planner.Vertex
	// Stages are the vertices that Work.Shared are.
	Stages []*planner.Vertex
}

// Times say how long things are expected to take.
type Times struct {
	Vertex func(*planner.Vertex) time.Duration
	Export func(*planner.Build) time.Duration
}

// Options say how a plan is taken apart.
type Options struct {
	// BuildPlatform is the plan's.
	BuildPlatform string
	Times         Times
	// Divisible says which targets may have their platforms built apart.
	Divisible func(*planner.Build) bool
}

// Of makes the targets of a plan into work.
func Of(plan *planner.Plan, opt Options) *Targets {
	out := &Targets{}
	units := shard.Units(plan, opt.BuildPlatform, opt.Times.Export, opt.Divisible)
	needs := map[*planner.Vertex]int{}
	for _, u := range units {
		for _, v := range u.Reached {
			needs[v]++
		}
	}
	number := map[*planner.Vertex]int{}
	keys := map[string]bool{}
	for _, v := range plan.Graph.Vertices {
		took := opt.Times.Vertex(v)
		if needs[v] < 2 || took <= 0 {
			continue
		}
		number[v] = len(out.Stages)
		out.Stages = append(out.Stages, v)
		out.Shared = append(out.Shared, Shared{Key: uniqueKey(v, keys), Took: took, Again: again(plan, v, took)})
	}
	for _, u := range units {
		one := Unit{Name: unitName(u.Parts), Platforms: platformsOf(u.Parts, opt.BuildPlatform), Own: u.Export}
		for _, v := range u.Reached {
			if n, ok := number[v]; ok {
				one.Shared = append(one.Shared, n)
			} else {
				one.Own += opt.Times.Vertex(v)
			}
		}
		slices.Sort(one.Shared)
		out.Units, out.Parts, out.Reached = append(out.Units, one), append(out.Parts, u.Parts), append(out.Reached, u.Reached)
	}
	return out
}

// again is what a stage takes on one more builder: no more than to read it from
// the lane of a target that has one.
func again(plan *planner.Plan, v *planner.Vertex, took time.Duration) time.Duration {
	for _, b := range plan.Builds {
		if c := b.Target.Cache; c != nil && len(b.CacheFrom) > 0 && slices.Contains(v.Targets, b.Name()) {
			return min(took, shard.Reading(took))
		}
	}
	return took
}

// uniqueKey is what is known of a stage that does not change with each commit:
// where it is written and what it is called, its platform, and what it starts
// from. Stages that are alike in that are told apart by a target that reaches
// them.
func uniqueKey(v *planner.Vertex, taken map[string]bool) string {
	parts := []string{v.Kind.String(), v.Name, v.Platform}
	if v.Dockerfile != nil {
		parts = append(parts, v.Dockerfile.Name)
	}
	for _, e := range v.Inputs {
		if e.Why == planner.Base && e.From.Kind == planner.Image {
			name, _, _ := strings.Cut(e.From.Name, "@")
			parts = append(parts, name)
		}
	}
	key := strings.Join(parts, "|")
	for _, more := range append(v.Targets, v.ID) {
		if !taken[key] {
			break
		}
		key += "|" + more
	}
	taken[key] = true
	return key
}

func unitName(parts []shard.Part) string {
	var names []string
	for _, p := range parts {
		names = append(names, p.Text())
	}
	return strings.Join(names, ", ")
}

// platformsOf are the platforms that the builder of some parts needs.
func platformsOf(parts []shard.Part, buildPlatform string) []string {
	var out []string
	for _, p := range parts {
		list := p.Platforms
		if len(list) == 0 {
			list = []string{buildPlatform}
		}
		for _, pl := range list {
			if !slices.Contains(out, pl) {
				out = append(out, pl)
			}
		}
	}
	slices.Sort(out)
	return out
}

// MissingError says that there are targets for platforms which no builder has.
type MissingError struct {
	// Targets are those that have no builder, with what they need.
	Targets []string
	// Have says what the builders have.
	Have []string
}

func (e *MissingError) Error() string {
	shown := e.Targets[:min(5, len(e.Targets))]
	text := strings.Join(shown, "; ")
	if n := len(e.Targets) - len(shown); n > 0 {
		text += fmt.Sprintf("; and %d more", n)
	}
	return fmt.Sprintf("no builder has the platforms of: %s\n  the builders have:\n    %s", text, strings.Join(e.Have, "\n    "))
}

// Missing says which units have no builder; nil if all have one.
func (t *Targets) Missing(p *Placement) error {
	e := &MissingError{}
	for u, b := range p.At {
		if b < 0 {
			e.Targets = append(e.Targets, fmt.Sprintf("%s, for %s", unitName(t.Parts[u]), strings.Join(t.Units[u].Platforms, " and ")))
		}
	}
	if len(e.Targets) == 0 {
		return nil
	}
	for _, b := range p.Builders {
		e.Have = append(e.Have, b.Name+": "+strings.Join(b.Platforms, ", "))
	}
	return e
}
