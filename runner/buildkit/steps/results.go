package steps

import (
	"time"

	"github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"

	"github.com/orch-build/orch/runner"
)

// targetResults is the name under which bake reports at the end the result of each
// target, if independent targets go on after a failure.
const targetResults = "[internal] target results"

// TargetResults are the messages by which --progress=rawjson reports the results of
// the targets of a run.
func TargetResults(report *runner.Report) []runner.Raw {
	id := digest.FromString(targetResults)
	begun := time.Now()
	out := []runner.Raw{{Record: &client.SolveStatus{Vertexes: []*client.Vertex{{Digest: id, Name: targetResults, Started: &begun}}}}}
	for _, t := range report.Targets {
		now := time.Now()
		word := resultWord(t.State)
		out = append(out, runner.Raw{Record: &client.SolveStatus{Statuses: []*client.VertexStatus{{
			ID: t.Name() + ": " + word, Vertex: id, Name: word, Timestamp: now, Started: &now, Completed: &now,
		}}}})
	}
	ended := time.Now()
	return append(out, runner.Raw{Record: &client.SolveStatus{
		Vertexes: []*client.Vertex{{Digest: id, Name: targetResults, Started: &begun, Completed: &ended}},
	}})
}

// resultWord is bake's word for the state that a target has ended in.
func resultWord(s runner.State) string {
	switch s {
	case runner.Done:
		return "succeeded"
	case runner.Failed:
		return "failed"
	case runner.Waiting, runner.Ready:
		return "not started"
	}
	return "aborted"
}
