package buildkit

import (
	"slices"
	"strings"

	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	gateway "github.com/moby/buildkit/frontend/gateway/client"

	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner/history"
)

// beginHistory adds the line for a folder that the image starts from to the
// configurations of a result.
func (t *target) beginHistory(res *gateway.Result) error {
	if t.foreign() || len(t.plan.Stages) == 0 {
		return nil
	}
	for key, config := range res.Metadata {
		if key != exptypes.ExporterImageConfigKey && !strings.HasPrefix(key, exptypes.ExporterImageConfigKey+"/") {
			continue
		}
		from, ok := t.folderBelow(t.stageFor(strings.TrimPrefix(key, exptypes.ExporterImageConfigKey+"/")))
		if !ok {
			continue
		}
		filled, err := history.Begin(config, from)
		if err != nil {
			return err
		}
		res.Metadata[key] = filled
	}
	return nil
}

// stageFor is the stage that the target ends in on a platform; without one, or on
// another, that of its first.
func (t *target) stageFor(platform string) *planner.Vertex {
	if i := slices.Index(t.plan.Platforms, platform); i > 0 && i < len(t.plan.Stages) {
		return t.plan.Stages[i]
	}
	return t.plan.Stages[0]
}

// folderBelow returns the FROM of a folder that a stage starts from in the end. A
// stage of a linked target has its own line.
func (t *target) folderBelow(v *planner.Vertex) (from string, ok bool) {
	linked := map[*planner.Vertex]bool{}
	for _, b := range t.plan.Links {
		for _, s := range b.Stages {
			linked[s] = true
		}
	}
	for v != nil && v.Kind == planner.Stage {
		var base *planner.Vertex
		for _, in := range v.Inputs {
			if in.Why == planner.Base {
				base, from = in.From, fromText(v, in)
			}
		}
		if base != nil && linked[base] {
			return "", false
		}
		v = base
	}
	return from, v != nil && (v.Kind == planner.LocalContext || v.Kind == planner.RemoteContext)
}

// fromText is the FROM instruction of an edge, as written but for its blanks.
func fromText(v *planner.Vertex, e planner.Edge) string {
	lines := strings.Split(string(v.Dockerfile.Data), "\n")
	from, to := e.Range.Start.Line, e.Range.End.Line
	if from < 1 || to > len(lines) || from > to {
		return "FROM"
	}
	return strings.Join(strings.Fields(strings.Join(lines[from-1:to], " ")), " ")
}
