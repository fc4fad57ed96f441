package runnertest

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
)

const script = `
builder somewhere
changed src/a "was written" in=src
close "connection refused" cache=registry/cache read # a comment

target base
	step "[base 1/2] FROM scratch"
	cached
	step "[base 2/2] RUN make" took=1.5s sent=20
	| one
	| two # three
	digest sha256:1
	size 1000 stage=build built=5000
	output local out/base size=12

target app
	step "[1/1] RUN app" took=2s
	wait 2s
	fail "exit code: 7" exit=7 file=Dockerfile line=3 reason="it broke" fault=infrastructure transient

target app
	step "[1/1] RUN app" took=1s
	evaluated
	wait 1s
	tag r/app:1 sha256:2
`

// twoBuilds is a plan of a target app that is built on another, base.
func twoBuilds() *planner.Plan {
	stage := &planner.Vertex{ID: "v1", Name: "base", Kind: planner.Stage, Targets: []string{"app", "base"}}
	base := &planner.Build{Target: &config.Target{Name: "base"}, Wanted: true}
	app := &planner.Build{Target: &config.Target{Name: "app"}, Wanted: true, Inputs: []*planner.Build{base}}
	return &planner.Plan{Graph: &planner.Graph{Vertices: []*planner.Vertex{stage}}, Builds: []*planner.Build{base, app}}
}

// TestSolver plays a run in which a target is good at its second attempt.
func TestSolver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := Parse(script)
		if err != nil {
			t.Fatal(err)
		}
		var titles []string
		r, err := runner.Run(t.Context(), twoBuilds(), s, runner.Options{
			Retry: runner.Retry{Sessions: 1},
			Event: func(e runner.Event) {
				if started, ok := e.(runner.StepStarted); ok {
					titles = append(titles, started.Title)
				}
			},
		})
		if err != nil || !r.OK() || r.Builder != "somewhere" || r.Rounds != 2 {
			t.Errorf("%+v, error %v", r, err)
		}
		want := "[app+base: base 1/2] FROM scratch; [app+base: base 2/2] RUN make; [app: 1/1] RUN app; [app: 1/1] RUN app"
		if got := strings.Join(titles, "; "); got != want {
			t.Errorf("steps %s\nwant %s", got, want)
		}
		base, app := r.Targets[0], r.Targets[1]
		if got := fmt.Sprintf("%+v", base.Result); !strings.Contains(got, "Digest:sha256:1 Outputs:[{Type:local Where:out/base Job: Size:12}] "+
			"Steps:{Run:1 Cached:1} ImageSize:1000 BuildStage:build BuildStageSize:5000") {
			t.Errorf("base: %s", got)
		}
		if len(app.Attempts) != 2 || app.Exporting != time.Second || app.Result.Unpublished[0].Name != "r/app:1" {
			t.Errorf("app: %+v", app)
		}
		f, ok := app.Attempts[0].Err.(*runner.Failure)
		if !ok || f.ExitCode != 7 || f.Line != 3 || f.Reason != "it broke" || f.Fault != runner.FaultInfrastructure || f.Step != "[1/1] RUN app" {
			t.Errorf("the first attempt: %+v", f)
		}
		if len(r.Steps) != 4 || !r.Steps[2].Failed || r.Steps[1].Took != 1500*time.Millisecond || r.Transfer.Sent != 20 {
			t.Errorf("steps: %+v", r.Steps)
		}
		if len(r.Vertices) != 1 || r.Vertices[0].Steps != (runner.Steps{Run: 1, Cached: 1}) {
			t.Errorf("vertices: %+v", r.Vertices)
		}
		if len(r.Caches) != 1 || !r.Caches[0].Read || len(r.Changed) != 1 || r.Changed[0].Context != "src" {
			t.Errorf("caches %v, changes %v", r.Caches, r.Changed)
		}
	})
}

// TestOpen fails to open a session as often as the script says.
func TestOpen(t *testing.T) {
	s, err := Parse(`open "nobody listens" lost`)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := runner.Run(t.Context(), twoBuilds(), s, runner.Options{}); err == nil || err.Error() != "nobody listens" || r.OK() {
		t.Errorf("%v", err)
	}
	if r, err := runner.Run(t.Context(), twoBuilds(), s, runner.Options{}); err != nil || !r.OK() {
		t.Errorf("%v", err)
	}
}

func TestBadScripts(t *testing.T) {
	for script, want := range map[string]string{
		"steps":                    `1: unknown word "steps"`,
		"target a\n\nstep":         "3: step has 0 arguments, want 1",
		"target a\nstep \"[1/1]":   "2: the quoted text is not closed",
		"target a\nstep b took=1":  "2: took: time: missing unit",
		"target a\nwait long":      "2: time: invalid duration",
		"open a b":                 "1: open has 2 arguments, want 1",
		"target a\ndone # \"\ncut": `3: unknown word "cut"`,
	} {
		if _, err := Parse(script); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", script, err, want)
		}
	}
}

// TestReportOfARunThatGoesOn demands that the report has the steps while the run
// goes on: it is all that is left of a run that is killed.
func TestReportOfARunThatGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := Parse("target base\nstep \"[base 1/1] RUN make\" took=3s\nwait 3s\ntarget app\nstep \"[1/1] RUN app\"\nwait 4s\n")
		if err != nil {
			t.Fatal(err)
		}
		var changed, settled int
		count := func(n *int) func(*runner.Report) {
			return func(r *runner.Report) {
				if r.Finished.IsZero() {
					*n = max(*n, len(r.Steps))
				}
			}
		}
		_, err = runner.Run(t.Context(), twoBuilds(), s, runner.Options{
			Changed: func(r *runner.Report, _ *runner.TargetReport) { count(&changed)(r) },
			Settled: count(&settled),
		})
		if err != nil || changed == 0 || settled == 0 {
			t.Errorf("%v: %d steps were seen after a change, %d later", err, changed, settled)
		}
	})
}
