package history

import (
	"slices"
	"strings"

	"github.com/orch-build/orch/planner"
)

// From returns the FROM of a folder that the image of a target starts from in the
// end, on a platform; false if it starts from none. A stage of a linked target has
// its own line.
func From(b *planner.Build, platform string) (from string, ok bool) {
	return folderBelow(b, stageFor(b, platform))
}

// stageFor is the stage that the target ends in on a platform; without one, or on
// another, that of its first.
func stageFor(b *planner.Build, platform string) *planner.Vertex {
	if i := slices.Index(b.Platforms, platform); i > 0 && i < len(b.Stages) {
		return b.Stages[i]
	}
	return b.Stages[0]
}

// folderBelow returns the FROM of a folder that a stage starts from in the end. A
// stage of a linked target has its own line.
func folderBelow(b *planner.Build, v *planner.Vertex) (from string, ok bool) {
	linked := map[*planner.Vertex]bool{}
	for _, link := range b.Links {
		for _, s := range link.Stages {
			linked[s] = true
		}
	}
	var last *planner.Vertex
	var edge planner.Edge
	for v != nil && v.Kind == planner.Stage {
		var base *planner.Vertex
		for _, in := range v.Inputs {
			if in.Why == planner.Base {
				base, last, edge = in.From, v, in
			}
		}
		if base != nil && linked[base] {
			return "", false
		}
		v = base
	}
	if v == nil || v.Kind != planner.LocalContext && v.Kind != planner.RemoteContext {
		return "", false
	}
	// Only the last line is read: in a long chain, the text of every stage would be
	// split once for each.
	if last == nil {
		return "", true
	}
	return fromText(last, edge), true
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
