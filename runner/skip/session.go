package skip

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/fault"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/digest"
	"github.com/orch-build/orch/runner"
)

// Asked says whether any target of a plan may be skipped.
func Asked(plan *planner.Plan) bool {
	return slices.ContainsFunc(plan.Builds, func(b *planner.Build) bool { return recorded(b) && !b.Target.Skip.Never })
}

// Records says whether records are kept of any target of a plan. Those that are
// built in any case have them too.
func Records(plan *planner.Plan) bool { return slices.ContainsFunc(plan.Builds, recorded) }

func recorded(b *planner.Build) bool { return b.Wanted && b.Target.Skip != nil }

// believed says whether anybody could believe the records of a target: those of
// a lane that is not trusted need a signature where others push too.
func believed(b *planner.Build) bool {
	s := b.Target.Skip
	return s.Trusted || s.Signed || !slices.ContainsFunc(b.Target.Outputs, func(o config.Output) bool { return o.Push })
}

// Check reports the targets whose records nobody could trust: those that a run
// of a lane that is not trusted pushes, without a key.
func Check(plan *planner.Plan) fault.Diagnostics {
	var report fault.Report
	for _, b := range plan.Builds {
		if !recorded(b) || b.Target.Skip.Never || believed(b) {
			continue
		}
		report.Fail(b.Target.RangeOf("skip"), "Skipping needs a key",
			"This run is of the lane %q, which is not trusted, and it pushes target %q. Where untrusted lanes can push to the same repository, "+
				"anybody can write records of builds there, so that only signed ones can be believed: write skip { key = \"orch.pub\" }, or build with --skip=never.", b.Target.Skip.Lane, b.Name())
	}
	return report.Diags
}

// Session is what a run knows of the targets that it skips.
type Session struct {
	*Skipper
	// Plan is the plan of all targets.
	Plan *planner.Plan
	// Targets are those that could be skipped, by their names; Verdicts says
	// which of them are.
	Targets  map[string]*Target
	Verdicts map[string]*Verdict
	// Unskipped says why the others are built.
	Unskipped map[string]string
	// Later says that the tags move after the run: it is a shard.
	Later bool
}

// Begin decides which targets of a plan are skipped.
func (s *Skipper) Begin(ctx context.Context, run *Run, plan *planner.Plan, digests *digest.Digests, getenv func(string) string) (*Session, error) {
	out := &Session{Skipper: s, Plan: plan, Targets: map[string]*Target{}, Verdicts: map[string]*Verdict{}, Unskipped: map[string]string{}}
	var list []*Target
	for _, b := range plan.Builds {
		if !recorded(b) || b.Target.Skip.Never && !believed(b) {
			continue
		}
		t, reason, err := run.Target(b, digests.Target(b))
		if err != nil && b.Target.Skip.Never {
			s.warn("no record of the build of %s is kept: %v", b.Name(), err)
			continue
		}
		if err != nil {
			return nil, err
		}
		if t != nil {
			out.Targets[b.Name()] = t
			list = append(list, t)
			reason = t.Always
		}
		// Nobody has to say why a target is built that is never skipped.
		if reason != "" && !b.Target.Skip.Never {
			out.Unskipped[b.Name()] = reason
		}
	}
	var err error
	if s.Key, err = Keys(getenv, list); err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(t *Target) bool { return t.Always != "" })
	verdicts, err := s.Decide(ctx, list)
	if err != nil {
		return nil, err
	}
	for _, v := range verdicts {
		name := v.Target.Build.Name()
		if v.Record != nil {
			out.Verdicts[name] = v
		} else {
			out.Unskipped[name] = v.Reason
		}
	}
	return out, nil
}

// Rest names the targets that were asked for and are built.
func (s *Session) Rest() []string {
	var out []string
	for _, b := range s.Plan.Builds {
		if b.Wanted && s.Verdicts[b.Name()] == nil {
			out = append(out, b.Name())
		}
	}
	slices.Sort(out)
	return out
}

// Moves says whether tags of skipped targets have to move.
func (s *Session) Moves() bool {
	for _, v := range s.Verdicts {
		if len(v.Moves) > 0 {
			return true
		}
	}
	return false
}

// Idle is the report of a run that builds nothing.
func Idle(started time.Time) *runner.Report {
	return &runner.Report{Plan: &planner.Plan{Graph: &planner.Graph{}}, Started: started, Finished: time.Now()}
}

// Merge enters the skipped targets in the report of a run that has built the
// others. A target that is linked to may be in it as well: it is skipped if it
// was good for that.
func (s *Session) Merge(run *runner.Report) {
	built := map[string]*runner.TargetReport{}
	for _, t := range run.Targets {
		t.Unskipped = s.Unskipped[t.Name()]
		built[t.Name()] = t
	}
	publishes := s.Later || s.Moves() || len(s.Rest()) > 0
	var all []*runner.TargetReport
	for _, b := range s.Plan.Builds {
		t, v := built[b.Name()], s.Verdicts[b.Name()]
		if v != nil && (t == nil || t.State == runner.Done) {
			t = &runner.TargetReport{Build: b, State: runner.Done, Result: v.Result()}
			if publishes {
				t.Result.Unpublished = v.Tags()
			}
		}
		if t != nil {
			all = append(all, t)
		}
	}
	run.Targets = all
}

// Digests are what the tags of the built targets of a good run are to point to.
// They have to be taken before the tags have moved.
func Digests(run *runner.Report) map[string]string {
	out := map[string]string{}
	for _, t := range run.Targets {
		if t.Result == nil || t.Result.Skipped != nil {
			continue
		}
		out[t.Name()] = t.Result.Digest
		if len(t.Result.Unpublished) > 0 {
			out[t.Name()] = t.Result.Unpublished[0].Digest
		}
	}
	return out
}

// Built are the targets of a published run that get records. pushed is what
// Digests said, and now are the digests as they are after the run: what has
// changed meanwhile may be in the image, or may not.
func (s *Session) Built(run *runner.Report, plan *planner.Plan, pushed map[string]string, now *digest.Digests) []Built {
	after := map[string]*planner.Build{}
	for _, b := range plan.Builds {
		after[b.Name()] = b
	}
	var out []Built
	for _, t := range run.Targets {
		target := s.Targets[t.Name()]
		if target == nil || t.State != runner.Done || t.Result == nil || t.Result.Skipped != nil || after[t.Name()] == nil {
			continue
		}
		d := now.Target(after[t.Name()])
		if d == nil || d.Publication != target.Publication || (&Run{}).unknown(d) != "" {
			s.warn("what %s is made of has changed during the run, so that no record of its build is kept", t.Name())
			continue
		}
		b := Built{Target: target, Digest: pushed[t.Name()], Size: t.Result.ImageSize, Bases: maps.Clone(now.Asked(after[t.Name()]))}
		for _, test := range t.Result.Tests {
			b.Tests = append(b.Tests, test.Name)
		}
		out = append(out, b)
	}
	return out
}
