package question

import (
	"context"
	"maps"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/buildkit"
	"github.com/orch-build/orch/runner/buildkit/answer"
	"github.com/orch-build/orch/runner/buildkit/builder"
)

// Asker asks BuildKit's frontend about builds.
type Asker struct {
	Plan   *planner.Plan
	Builds []*planner.Build
	// Method says what is asked about a build.
	Method  func(*planner.Build) string
	Options buildkit.Options
	// Connect reaches the builder that answers what this process cannot.
	Connect func(context.Context) (*builder.Builder, error)
	// Display starts what shows the events of a builder.
	Display func() (event func(runner.Event), done func(), err error)
}

// Ask puts the question to the frontend in this process. What that cannot answer
// by itself, a builder does: base images have to be looked at, and other
// frontends run. Without a builder, registries are asked for the base images.
func (q *Asker) Ask(ctx context.Context) (map[*planner.Build]*answer.Answer, error) {
	answers, err := (&buildkit.Question{Plan: q.Plan, Builds: q.Builds, Method: q.Method}).Ask(ctx, q.Options)
	if err != nil {
		return nil, err
	}
	rest := q.unanswered(answers)
	if len(rest) == 0 {
		return answers, nil
	}
	conn, err := q.Connect(ctx)
	if err != nil {
		more, askErr := (&buildkit.Question{Plan: q.Plan, Builds: rest, Method: q.Method, Registries: true}).Ask(ctx, q.Options)
		maps.Copy(answers, more)
		if askErr != nil || len(q.unanswered(answers)) > 0 {
			return nil, err
		}
		return answers, nil
	}
	defer conn.Close()
	more, err := q.askBuilder(ctx, conn, rest)
	maps.Copy(answers, more)
	return answers, err
}

func (q *Asker) unanswered(answers map[*planner.Build]*answer.Answer) []*planner.Build {
	var out []*planner.Build
	for _, b := range q.Builds {
		if answers[b] == nil {
			out = append(out, b)
		}
	}
	return out
}

func (q *Asker) askBuilder(ctx context.Context, conn *builder.Builder, builds []*planner.Build) (map[*planner.Build]*answer.Answer, error) {
	event, done, err := q.Display()
	if err != nil {
		return nil, err
	}
	defer done()
	return buildkit.NewSolver(conn, q.Options).Call(ctx, q.Plan, builds, q.Method, event)
}

// Definitions has a builder make the definitions of the builds.
func (q *Asker) Definitions(ctx context.Context) (map[*planner.Build]*buildkit.Made, error) {
	conn, err := q.Connect(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	event, done, err := q.Display()
	if err != nil {
		return nil, err
	}
	defer done()
	return buildkit.NewSolver(conn, q.Options).Definitions(ctx, q.Plan, q.Builds, event)
}

// Findings are what the frontend has found about all the builds. One about a
// file that several targets have is there once.
func Findings(builds []*planner.Build, answers map[*planner.Build]*answer.Answer) hcl.Diagnostics {
	var out hcl.Diagnostics
	seen := map[string]bool{}
	for _, b := range builds {
		if answers[b] == nil {
			continue
		}
		for _, d := range answers[b].Findings() {
			if key := d.Error(); !seen[key] {
				seen[key] = true
				out = append(out, d)
			}
		}
	}
	return out
}
