package site

import (
	"fmt"
	"strings"

	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner/blame"
)

// Foreign says which targets are built for another platform than this
// machine, without having named any; "" if none are.
func Foreign(plan *planner.Plan, site, own, local string) string {
	if own == "" || own == local {
		return ""
	}
	var names []string
	for _, b := range plan.Builds {
		if b.Wanted && len(b.Platforms) == 0 {
			names = append(names, b.Name())
		}
	}
	if len(names) == 0 {
		return ""
	}
	const most = 5
	if more := len(names) - most; more > 0 {
		names = append(names[:most], fmt.Sprintf("and %d more", more))
	}
	return fmt.Sprintf("%s does not have the platform of this machine (%s): targets that name no platform are built for %s (%s)", site, local, own, strings.Join(names, ", "))
}

// Unable says for which platforms a plan has RUN steps whose programs a single builder
// cannot run, one text for each: they fail unless they are in its cache.
func Unable(s Site, plan *planner.Plan) []string {
	one, ok := s.(*builderSite)
	if !ok {
		return nil
	}
	return unable(one.builder.Platforms, plan)
}

func unable(can []string, plan *planner.Plan) []string {
	counts, first := map[string]int{}, map[string]string{}
	var order []string
	for _, v := range plan.Graph.Vertices {
		if v.Kind != planner.Stage || blame.Emulation(v.Platform, can) == "" {
			continue
		}
		for _, step := range v.Steps {
			if word, _, _ := strings.Cut(step.Text, " "); !strings.EqualFold(word, "RUN") {
				continue
			}
			if counts[v.Platform]++; counts[v.Platform] == 1 {
				first[v.Platform] = fmt.Sprintf("%s:%d", step.Range.Filename, step.Range.Start.Line)
				order = append(order, v.Platform)
			}
		}
	}
	var out []string
	for _, p := range order {
		out = append(out, fmt.Sprintf("%s for %s, the first at %s, can only come from the cache: %s",
			termtext.Count(counts[p], "RUN step"), p, first[p], blame.Emulation(p, can)))
	}
	return out
}
