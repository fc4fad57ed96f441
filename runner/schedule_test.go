package runner

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orch-build/orch/planner"
)

func TestRunWeights(t *testing.T) {
	tests := []struct {
		name      string
		jobs      int
		weight    int
		exclusive bool
		most      int
		took      time.Duration
	}{
		{"light", 4, 0, false, 4, 2 * time.Second},
		{"one of weight 3", 4, 3, false, 4, 2 * time.Second},
		{"heavier than the capacity", 2, 50, false, 2, 4 * time.Second},
		{"exclusive", 4, 0, true, 4, 3 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				plan := graph("a", "b", "c", "d", "e", "f")
				plan.Builds[0].Target.Weight = tt.weight
				plan.Builds[0].Target.Exclusive = tt.exclusive
				f := &fake{}
				r, err := Run(t.Context(), plan, f, Options{Jobs: tt.jobs})
				if err != nil || !r.OK() {
					t.Fatalf("%v, %s", err, states(r))
				}
				if f.most > tt.most || r.Finished.Sub(r.Started) != tt.took {
					t.Errorf("%d at once in %s, want %d in %s", f.most, r.Finished.Sub(r.Started), tt.most, tt.took)
				}
			})
		})
	}
}

// A dependant starts when the stages of its input are done, without waiting
// for the outputs.
func TestRunInputsBeforeOutputs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{export: 10 * time.Second}
		r, err := Run(t.Context(), graph("base", "app: base"), f, Options{})
		if err != nil || !r.OK() {
			t.Fatalf("%v, %s", err, states(r))
		}
		if took := r.Finished.Sub(r.Started); took != 12*time.Second {
			t.Errorf("took %s, want 12s", took)
		}
		if got := r.Targets[0].Exporting; got != 10*time.Second {
			t.Errorf("exporting took %s, want 10s", got)
		}
	})
}

func TestRunDeferOutput(t *testing.T) {
	boom := errors.New("boom")
	tests := []struct {
		name string
		fail map[string][]error
		want string
		outs int
	}{
		{"good", nil, "a=done b=done c=done d=done", 4},
		{"a failure writes nothing", map[string][]error{"d": {boom}}, "a=canceled b=canceled c=canceled d=failed", 0},
		{"tried again", map[string][]error{"d": {&Failure{Transient: true, ExitCode: -1, Err: boom}}}, "a=done b=done c=done d=done", 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{fail: tt.fail}
				r, err := Run(t.Context(), graph("a", "b", "c", "d: a"), f,
					Options{Jobs: 2, DeferOutput: true, Retry: Retry{Sessions: 1}})
				if err != nil {
					t.Fatal(err)
				}
				if got := states(r); got != tt.want {
					t.Errorf("states:\n got %s\nwant %s", got, tt.want)
				}
				first := slices.IndexFunc(f.order, func(s string) bool { return strings.HasPrefix(s, ">") })
				if first < 0 {
					first = len(f.order)
				}
				if outs := len(f.order) - first; outs != tt.outs {
					t.Errorf("%d outputs, want %d, all after the last stage: %v", outs, tt.outs, f.order)
				}
				if f.most > 4 {
					t.Errorf("%d builds at once", f.most)
				}
			})
		})
	}
}

func TestRunRetry(t *testing.T) {
	flaky := &Failure{Transient: true, ExitCode: -1, Err: errors.New("503")}
	lost := &Failure{Transient: true, Lost: true, ExitCode: -1, Err: errors.New("connection reset")}
	step := errors.New("exit code 1")
	tests := []struct {
		name     string
		fail     map[string][]error
		openErr  []error
		retry    int // of the target app
		want     string
		attempts int // of the target app
		sessions int
	}{
		{"gone the second time", map[string][]error{"app": {flaky}}, nil, 0, "base=done app=done user=done other=done", 2, 2},
		{"gone the third time", map[string][]error{"app": {flaky, flaky}}, nil, 0, "base=done app=done user=done other=done", 3, 3},
		{"never gone", map[string][]error{"app": {flaky, flaky, flaky}}, nil, 0, "base=done app=failed user=blocked(app) other=done", 3, 3},
		{"a step is not tried again", map[string][]error{"app": {step}}, nil, 0, "base=done app=failed user=blocked(app) other=done", 1, 1},
		{"unless its target says so", map[string][]error{"app": {step, step}}, nil, 2, "base=done app=done user=done other=done", 3, 3},
		{"so many times", map[string][]error{"app": {step, step}}, nil, 1, "base=done app=failed user=blocked(app) other=done", 2, 2},
		{"the builder vanished", map[string][]error{"app": {lost}}, nil, 0, "base=done app=done user=done other=done", 2, 2},
		{"and is slow to come back", map[string][]error{"app": {lost}}, []error{nil, lost}, 0, "base=done app=done user=done other=done", 2, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				plan := graph("base", "app: base", "user: app", "other")
				plan.Builds[1].Target.Retry = tt.retry
				f := &fake{fail: tt.fail, openErr: tt.openErr}
				r, err := Run(t.Context(), plan, f, Options{KeepGoing: true, Retry: Retry{Sessions: 2}})
				if err != nil {
					t.Fatal(err)
				}
				if got := states(r); got != tt.want {
					t.Errorf("states:\n got %s\nwant %s", got, tt.want)
				}
				if got := len(r.Targets[1].Attempts); got != tt.attempts || f.opened != tt.sessions {
					t.Errorf("%d attempts in %d sessions, want %d in %d", got, f.opened, tt.attempts, tt.sessions)
				}
				// What was exported once is not exported again.
				for _, name := range []string{">base", ">other"} {
					n := 0
					for _, o := range f.order {
						if o == name {
							n++
						}
					}
					if n != 1 {
						t.Errorf("%s was exported %d times", name, n)
					}
				}
			})
		})
	}
}

func TestRunRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		busy := &Failure{Transient: true, RetryAfter: 30 * time.Second, ExitCode: -1, Err: errors.New("429")}
		f := &fake{fail: map[string][]error{"a": {busy}}}
		r, err := Run(t.Context(), graph("a"), f, Options{Retry: Retry{Sessions: 1}})
		if err != nil || !r.OK() {
			t.Fatalf("%v, %s", err, states(r))
		}
		if took := r.Finished.Sub(r.Started); took != 31*time.Second {
			t.Errorf("took %s, want 31s", took)
		}
	})
}

func TestRunBuilderGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lost := &Failure{Transient: true, Lost: true, ExitCode: -1, Err: errors.New("gone")}
		f := &fake{fail: map[string][]error{"a": {lost}}, openErr: []error{nil, lost, lost, lost}}
		r, err := Run(t.Context(), graph("a", "b: a"), f, Options{Retry: Retry{Sessions: 2}})
		if !errors.Is(err, lost) {
			t.Errorf("error %v", err)
		}
		if got := states(r); got != "a=failed b=canceled" {
			t.Errorf("states: %s", got)
		}
	})
}

// sharing makes a plan in which targets end in stages of their own on one that
// they share.
func sharing(n int) *planner.Plan {
	base := &planner.Vertex{ID: "base", Name: "base"}
	plan := &planner.Plan{Graph: &planner.Graph{Vertices: []*planner.Vertex{base}}}
	for i := range n {
		b := graph(fmt.Sprintf("t%03d", i)).Builds[0]
		base.Targets = append(base.Targets, b.Name())
		plan.Builds = append(plan.Builds, b)
	}
	return plan
}

func TestRunSharedStageFails(t *testing.T) {
	for _, keepGoing := range []bool{false, true} {
		t.Run(fmt.Sprintf("keepGoing=%v", keepGoing), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{fail: map[string][]error{}}
				for i := range 5 {
					f.fail[fmt.Sprintf("t%03d", i)] = []error{&Failure{Vertex: "base", Stage: "base", StepID: "x", ExitCode: 1, Err: errors.New("exit code 1")}}
				}
				if !keepGoing { // the others are stopped before they hear of it
					f.fail = map[string][]error{"t000": f.fail["t000"]}
				}
				r, err := Run(t.Context(), sharing(20), f, Options{Jobs: 5, KeepGoing: keepGoing})
				if err != nil {
					t.Fatal(err)
				}
				c := r.Count()
				if c[Failed] != 5 || c[Blocked] != 15 {
					t.Errorf("%d failed, %d blocked: %s", c[Failed], c[Blocked], states(r))
				}
				if last := r.Targets[19]; last.Cause == "" || last.CauseStage != "base" {
					t.Errorf("the last is blocked by %q, stage %q", last.Cause, last.CauseStage)
				}
				groups := r.FailureGroups()
				if len(groups) != 1 || len(groups[0].Targets) != 5 {
					t.Errorf("%d groups of failures", len(groups))
				}
			})
		})
	}
}

// A target that lacks what a shared stage needs fails alone: the others are built, or
// stopped before they were.
func TestRunOwnFailure(t *testing.T) {
	for _, keepGoing := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			f := &fake{fail: map[string][]error{"t000": {&Failure{Vertex: "base", Stage: "base", Own: true, Err: errors.New("no right")}}}}
			r, err := Run(t.Context(), sharing(8), f, Options{Jobs: 2, KeepGoing: keepGoing})
			if err != nil {
				t.Fatal(err)
			}
			if c := r.Count(); c[Failed] != 1 || c[Blocked] != 0 || keepGoing && c[Done] != 7 {
				t.Errorf("keepGoing=%t: %s", keepGoing, states(r))
			}
		})
	}
}

// Targets with equal Dockerfiles share a step: each is said to fail in its own
// file, and the group of them names all.
func TestRunEqualDockerfilesFail(t *testing.T) {
	for _, keepGoing := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			plan := sharing(2)
			f := &fake{fail: map[string][]error{}}
			for i, b := range plan.Builds {
				b.Dockerfile = &planner.Dockerfile{Name: fmt.Sprintf("%d/Dockerfile", i), Data: []byte("FROM scratch\n")}
				f.fail[b.Name()] = []error{&Failure{Target: b.Name(), Vertex: "base", StepID: "x", File: b.Dockerfile.Name, Line: 1, Err: errors.New("exit code 1")}}
			}
			if !keepGoing {
				delete(f.fail, "t001")
			}
			r, err := Run(t.Context(), plan, f, Options{Jobs: 2, KeepGoing: keepGoing})
			if err != nil {
				t.Fatal(err)
			}
			groups := r.FailureGroups()
			if len(groups) != 1 || groups[0].File != "0/Dockerfile" || !slices.Equal(groups[0].Also, []string{"1/Dockerfile:1"}) {
				t.Errorf("groups of failures: %+v", groups)
			}
			if own := AsFailure(r.Targets[1].Err); own == nil || own.Target != "t001" || own.File != "1/Dockerfile" {
				t.Errorf("failure of the second target: %+v", own)
			}
		})
	}
}

// A thousand targets, of which every twentieth fails and every tenth is built
// on the one before it.
func TestRunThousand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines []string
		f := &fake{fail: map[string][]error{}}
		want := map[State]int{}
		for i := range 1000 {
			name := fmt.Sprintf("t%04d", i)
			line := name
			bad := i%20 == 0
			if bad {
				f.fail[name] = []error{errors.New("exit code 1")}
			}
			if i%10 == 1 {
				line += ": " + fmt.Sprintf("t%04d", i-1)
			}
			lines = append(lines, line)
			switch {
			case bad:
				want[Failed]++
			case i%20 == 1:
				want[Blocked]++
			default:
				want[Done]++
			}
		}
		r, err := Run(t.Context(), graph(lines...), f, Options{KeepGoing: true})
		if err != nil {
			t.Fatal(err)
		}
		c := r.Count()
		for s, n := range want {
			if c[s] != n {
				t.Errorf("%d are %s, want %d", c[s], s, n)
			}
		}
		for i, tr := range r.Targets {
			bad := i%20 == 0
			if (tr.State == Failed) != bad || (tr.State == Blocked) != (i%20 == 1) {
				t.Errorf("%s is %s", tr.Name(), tr.State)
			}
			if tr.State == Blocked && (!tr.Started.IsZero() || tr.Cause != r.Targets[i-1].Name()) {
				t.Errorf("%s was started, or blocked by %q", tr.Name(), tr.Cause)
			}
		}
	})
}
