package steps

import (
	"fmt"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/solver/pb"

	"github.com/orch-build/orch/internal/lazyregexp"
	"github.com/orch-build/orch/runner"
)

// Warn sends a warning that is not the builder's.
func (t *Tracker) Warn(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.status(&client.SolveStatus{Warnings: []*client.VertexWarning{{Short: []byte(text)}}}, "")
}

// warnings sends those warnings that are new, and returns them.
func (t *Tracker) warnings(all []*client.VertexWarning) []*client.VertexWarning {
	var fresh []*client.VertexWarning
	for _, w := range all {
		t.inWhole(w)
		if t.knownWarning(w) {
			continue
		}
		fresh = append(fresh, w)
		e := runner.Warning{Text: string(w.Short), Record: w}
		if w.SourceInfo != nil && len(w.Range) > 0 {
			e.Text = lineInText.ReplaceAllString(e.Text, "")
			e.File, e.Line = w.SourceInfo.Filename, int(w.Range[0].GetStart().GetLine())
		}
		t.session.Send(e)
	}
	return fresh
}

// knownWarning says whether a warning was sent before, or is nothing that a
// user can act on.
func (t *Tracker) knownWarning(w *client.VertexWarning) bool {
	if st := t.steps[w.Vertex]; st != nil && st.name == verifying {
		return true
	}
	key := string(w.Short)
	if w.SourceInfo != nil {
		key += "\x00" + w.SourceInfo.Filename + fmt.Sprint(w.Range)
	}
	seen := t.warned[key]
	t.warned[key] = true
	return seen
}

// lineInText is how BuildKit's checks repeat the line in their text.
var lineInText = lazyregexp.New(` \(line \d+\)$`)

// inWhole turns the lines of a warning into those of the file as written: the
// frontend may have read only a part of it.
func (t *Tracker) inWhole(w *client.VertexWarning) {
	if w.SourceInfo == nil || len(w.Range) == 0 {
		return
	}
	file, lines, ok := t.session.Whole(w.SourceInfo.Data)
	if !ok {
		return
	}
	for _, r := range w.Range {
		for _, at := range []*pb.Position{r.GetStart(), r.GetEnd()} {
			if at != nil {
				at.Line = int32(lines.Line(int(at.Line)))
			}
		}
	}
	if lineInText.Match(w.Short) {
		w.Short = lineInText.ReplaceAll(w.Short, fmt.Appendf(nil, " (line %d)", w.Range[0].GetStart().GetLine()))
	}
	w.SourceInfo = &pb.SourceInfo{Filename: file.Name, Data: file.Data, Language: w.SourceInfo.Language}
}
