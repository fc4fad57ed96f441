package runner

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orch-build/orch/planner"
)

// TestRunLast writes the outputs of some builds when all others are done, and
// only if these are good.
func TestRunLast(t *testing.T) {
	boom := errors.New("boom")
	passing := &Failure{Transient: true, ExitCode: -1, Err: boom}
	for _, tt := range []struct {
		name  string
		fail  map[string][]error
		opt   Options
		want  string
		after string // what the first of the last outputs comes after
	}{
		{"good", nil, Options{}, "a=done b=done c=done d=done", ">d"},
		{"one at a time", nil, Options{Jobs: 1}, "a=done b=done c=done d=done", ">d"},
		{"all outputs are held", nil, Options{DeferOutput: true}, "a=done b=done c=done d=done", ">d"},
		{"a failure", map[string][]error{"c": {boom}}, Options{}, "a=canceled b=canceled c=failed d=canceled", ""},
		{"a failure, and going on", map[string][]error{"c": {boom}}, Options{KeepGoing: true}, "a=canceled b=canceled c=failed d=done", ""},
		{"tried again", map[string][]error{"d": {passing}}, Options{KeepGoing: true}, "a=done b=done c=done d=done", ">d"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{fail: tt.fail, export: 3 * time.Second}
				tt.opt.Last = func(b *planner.Build) bool { return b.Name() == "a" || b.Name() == "b" }
				tt.opt.Retry = Retry{Sessions: 1}
				r, err := Run(t.Context(), graph("a", "b", "c", "d: a"), f, tt.opt)
				if err != nil || states(r) != tt.want {
					t.Errorf("%s, want %s; %v", states(r), tt.want, err)
				}
				first := slices.IndexFunc(f.order, func(s string) bool { return s == ">a" || s == ">b" })
				if tt.after == "" && first >= 0 || tt.after != "" && first < slices.Index(f.order, tt.after) {
					t.Errorf("the order is %v", f.order)
				}
			})
		})
	}
}

// deaf is a builder that does not hear an interrupt.
type deaf struct{ fake }

func (d *deaf) Open(context.Context, *planner.Plan, func(Event)) (Session, error) { return d, nil }

func (d *deaf) Build(ctx context.Context, b *planner.Build, how BuildOptions) (*Result, error) {
	if b.Name() != "deaf" {
		return d.fake.Build(ctx, b, how)
	}
	time.Sleep(time.Hour)
	return nil, how.Evaluated(ctx)
}

// TestRunLeaves has a report soon after an interrupt, with what is known,
// whatever the builder does. A failure that ends a run waits for the others.
func TestRunLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		d := &deaf{fake{fail: map[string][]error{"bad": {errors.New("boom")}}}}
		r, err := Run(ctx, graph("good", "bad", "deaf"), d, Options{KeepGoing: true, Leave: time.Second})
		if !errors.Is(err, context.DeadlineExceeded) || states(r) != "good=done bad=failed deaf=canceled" || !r.Abandoned {
			t.Errorf("%s, %v", states(r), err)
		}
		if took := r.Finished.Sub(r.Started); took != 6*time.Second {
			t.Errorf("ended after %s", took)
		}
		time.Sleep(2 * time.Hour) // until the builder has said what nobody hears
	})
	synctest.Test(t, func(t *testing.T) {
		d := &deaf{fake{fail: map[string][]error{"bad": {errors.New("boom")}}}}
		r, err := Run(t.Context(), graph("bad", "deaf"), d, Options{Leave: time.Second})
		if err != nil || d.closed == nil || r.Finished.Sub(r.Started) != time.Hour {
			t.Errorf("%s after %s, %v", states(r), r.Finished.Sub(r.Started), err)
		}
	})
}
