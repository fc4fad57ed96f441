package runner

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
)

// fake is a builder without a process: the stages of a build take a second,
// and fail if they are told to.
type fake struct {
	// fail holds the results of a target's attempts, in order; nil is good.
	fail map[string][]error
	// openErr holds the results of the attempts to open a session.
	openErr []error
	// export is how long the outputs take.
	export time.Duration

	mu       sync.Mutex
	opened   int
	running  int
	most     int
	order    []string // names in the order of their start, ">name" for outputs
	closed   *bool
	attempts map[string]int
}

func (f *fake) Open(context.Context, *planner.Plan, func(Event)) (Session, error) {
	f.opened++
	if len(f.openErr) >= f.opened && f.openErr[f.opened-1] != nil {
		return nil, f.openErr[f.opened-1]
	}
	return f, nil
}

func (f *fake) Builder() string { return "fake" }

func (f *fake) note(what string, running int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.running += running
	f.most = max(f.most, f.running)
	if what != "" {
		f.order = append(f.order, what)
	}
}

// attempt returns what is to become of this attempt at a target.
func (f *fake) attempt(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.attempts == nil {
		f.attempts = map[string]int{}
	}
	n := f.attempts[name]
	f.attempts[name]++
	if errs := f.fail[name]; n < len(errs) {
		return errs[n]
	}
	return nil
}

func (f *fake) Build(ctx context.Context, b *planner.Build, how BuildOptions) (*Result, error) {
	f.note(b.Name(), 1)
	over := sync.OnceFunc(func() { f.note("", -1) })
	defer over()
	if err := f.attempt(b.Name()); err != nil {
		failure := &Failure{Target: b.Name(), ExitCode: 1, Err: err}
		if known := AsFailure(err); known != nil {
			*failure = *known
			failure.Target = b.Name()
		}
		return nil, failure
	}
	if err := pause(ctx, time.Second); err != nil {
		return nil, err
	}
	over()
	if err := how.Evaluated(ctx); err != nil {
		return nil, err
	}
	if how.NoExport {
		return &Result{}, nil
	}
	f.note(">"+b.Name(), 0)
	if err := pause(ctx, f.export); err != nil {
		return nil, err
	}
	return &Result{Digest: "sha256:" + b.Name()}, nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *fake) Close(_ context.Context, how Ending) error {
	ok := how == Complete
	f.closed = &ok
	return nil
}

// graph makes a plan from lines "target: input input", inputs first.
func graph(lines ...string) *planner.Plan {
	plan := &planner.Plan{Graph: &planner.Graph{}}
	builds := map[string]*planner.Build{}
	for _, line := range lines {
		name, inputs, _ := strings.Cut(line, ":")
		b := &planner.Build{Target: &config.Target{Name: name}, Wanted: true}
		for _, in := range strings.Fields(inputs) {
			b.Inputs = append(b.Inputs, builds[in])
		}
		builds[name] = b
		plan.Builds = append(plan.Builds, b)
	}
	return plan
}

// states is the report in one line.
func states(r *Report) string {
	var out []string
	for _, t := range r.Targets {
		s := t.Name() + "=" + t.State.String()
		if t.Cause != "" {
			s += "(" + t.Cause + ")"
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

func TestRunOrderAndTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		r, err := Run(t.Context(), graph("base", "lib: base", "app: base lib", "other"), f, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := states(r); got != "base=done lib=done app=done other=done" {
			t.Errorf("states: %s", got)
		}
		if slices.Index(f.order, "lib") < slices.Index(f.order, "base") || slices.Index(f.order, "app") < slices.Index(f.order, "lib") {
			t.Errorf("a build started before its input: %v", f.order)
		}
		if took := r.Finished.Sub(r.Started); took != 3*time.Second {
			t.Errorf("took %s, want the 3s of the longest chain", took)
		}
		app := r.Targets[2]
		if app.Waited != 2*time.Second || app.Took != time.Second || app.Result.Digest != "sha256:app" {
			t.Errorf("app waited %s, took %s, result %+v", app.Waited, app.Took, app.Result)
		}
		if f.closed == nil || !*f.closed {
			t.Error("the session was not closed as good")
		}
	})
}

func TestRunJobs(t *testing.T) {
	for jobs, want := range map[int]int{1: 1, 3: 3, 0: 10} {
		synctest.Test(t, func(t *testing.T) {
			f := &fake{}
			var lines []string
			for c := 'a'; c < 'a'+10; c++ {
				lines = append(lines, string(c))
			}
			if _, err := Run(t.Context(), graph(lines...), f, Options{Jobs: jobs}); err != nil {
				t.Fatal(err)
			}
			if f.most != want {
				t.Errorf("jobs %d: %d builds at once, want %d", jobs, f.most, want)
			}
		})
	}
}

func TestRunFailure(t *testing.T) {
	boom := errors.New("boom")
	lines := []string{"bad", "user: bad", "second: user", "slow", "late: slow"}
	tests := []struct {
		name      string
		keepGoing bool
		want      string
	}{
		{"fail fast", false, "bad=failed user=blocked(bad) second=blocked(bad) slow=canceled late=canceled"},
		{"keep going", true, "bad=failed user=blocked(bad) second=blocked(bad) slow=done late=done"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{fail: map[string][]error{"bad": {boom}}}
				r, err := Run(t.Context(), graph(lines...), f, Options{KeepGoing: tt.keepGoing})
				if err != nil {
					t.Fatalf("a failed build is not an error of the run: %v", err)
				}
				if got := states(r); got != tt.want {
					t.Errorf("states:\n got %s\nwant %s", got, tt.want)
				}
				if r.OK() || len(r.Failures()) != 1 || !errors.Is(r.Failures()[0].Err, boom) {
					t.Errorf("failures: %v", r.Failures())
				}
				if *f.closed {
					t.Error("the session was closed as good")
				}
			})
		})
	}
}

func TestRunInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		r, err := Run(ctx, graph("a", "b: a", "c: b"), &fake{}, Options{})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want that of the context", err)
		}
		if got := states(r); got != "a=done b=canceled c=canceled" {
			t.Errorf("states: %s", got)
		}
		if took := r.Finished.Sub(r.Started); took != 1500*time.Millisecond {
			t.Errorf("ended after %s", took)
		}
	})
}

func TestRunWithoutBuilder(t *testing.T) {
	nobody := errors.New("nobody listens")
	r, err := Run(t.Context(), graph("a"), &fake{openErr: []error{nobody}}, Options{})
	if !errors.Is(err, nobody) {
		t.Errorf("error %v", err)
	}
	if got := states(r); got != "a=canceled" {
		t.Errorf("states: %s", got)
	}
}
