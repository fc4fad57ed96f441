package planner

import (
	"slices"
	"strings"
)

// FolderBelow returns the FROM of a folder that the image of a target starts from in
// the end, on a platform; false if it starts from none. The history of the image
// begins with it. A stage of a linked target has its own line.
func (b *Build) FolderBelow(platform string) (from string, ok bool) {
	return folderBelow(b, stageFor(b, platform))
}

// stageFor is the stage that the target ends in on a platform; without one, or on
// another, that of its first.
func stageFor(b *Build, platform string) *Vertex {
	if i := slices.Index(b.Platforms, platform); i > 0 && i < len(b.Stages) {
		return b.Stages[i]
	}
	return b.Stages[0]
}

// folderBelow returns the FROM of a folder that a stage starts from in the end. A
// stage of a linked target has its own line.
func folderBelow(b *Build, v *Vertex) (from string, ok bool) {
	linked := map[*Vertex]bool{}
	for _, link := range b.Links {
		for _, s := range link.Stages {
			linked[s] = true
		}
	}
	var last *Vertex
	var edge Edge
	for v != nil && v.Kind == Stage {
		var base *Vertex
		for _, in := range v.Inputs {
			if in.Why == Base {
				base, last, edge = in.From, v, in
			}
		}
		if base != nil && linked[base] {
			return "", false
		}
		v = base
	}
	if v == nil || v.Kind != LocalContext && v.Kind != RemoteContext {
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
func fromText(v *Vertex, e Edge) string {
	lines := strings.Split(string(v.Dockerfile.Data), "\n")
	from, to := e.Range.Start.Line, e.Range.End.Line
	if from < 1 || to > len(lines) || from > to {
		return "FROM"
	}
	return strings.Join(strings.Fields(strings.Join(lines[from-1:to], " ")), " ")
}
