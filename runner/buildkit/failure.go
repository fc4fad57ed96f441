package buildkit

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/errdefs"
	digest "github.com/opencontainers/go-digest"

	"github.com/orch-build/orch/internal/definition"
	"github.com/orch-build/orch/internal/lazyregexp"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/blame"
	"github.com/orch-build/orch/runner/buildkit/faults"
	"github.com/orch-build/orch/runner/buildkit/outputs"
	"github.com/orch-build/orch/runner/buildkit/sourcepolicy"
	"github.com/orch-build/orch/runner/buildkit/steps"
)

// failure collects what is known about an error of this target. Once the run
// has been ended, what a build says of it is only an echo of that.
func (t *target) failure(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	mask := t.run.opt.Mask
	err = t.ofStep(t.anchor.judge.Judged(err))
	f := &runner.Failure{Target: t.plan.Name(), ExitCode: -1, Err: mask.Err(err)}
	var exit *gatewaypb.ExitError
	if errors.As(err, &exit) {
		f.ExitCode = int(exit.ExitCode)
	}
	// The innermost source is the one of the step itself.
	if sources := errdefs.Sources(err); len(sources) > 0 {
		t.locate(f, sources[0])
	}
	var vertex *errdefs.VertexError
	if errors.As(err, &vertex) {
		t.fillStep(f, digest.Digest(vertex.Digest))
	}
	var own *lack
	f.Own = errors.As(err, &own)
	blame.Suggest(f, t.plan)
	for i := range f.Excerpt {
		f.Excerpt[i].Text = mask.Text(f.Excerpt[i].Text)
	}
	t.classify(f)
	blame.Fetched(f, t.plan)
	f.Transient = f.Transient && t.lost() == nil // another try finds what was found
	var denial *sourcepolicy.Denial
	if errors.As(err, &denial) {
		f.Fault, f.Reason, f.Transient, f.Lost, f.DiskFull = runner.FaultUser, denial.Reason(), false, false, false
	} else {
		t.run.drops.Blame(ctx, t.run.access(), f, t.plan.CacheFrom)
	}
	var streamed *outputs.StreamedError
	if errors.As(err, &streamed) && (f.Transient || f.Again) {
		f.Transient, f.Again = false, false
		f.Reason += "; a part of the output is sent, so that it is not tried again"
	}
	// A connection that breaks while the run is being ended is not a failure.
	if f.Lost && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return f
}

// releasedTwice is the error of a solve in which a RUN fails that has mounted what
// it also starts from: BuildKit up to 0.34, at the least, then gives that back
// twice, and says this in place of what the step failed with.
const releasedTwice = "releasing already released reference"

// exitText is how the error of a step ends whose process has ended.
var exitText = lazyregexp.New(`exit code: (\d+)$`)

// ofStep is the error of the step that failed, as its vertex has it, where the
// solve has another one in its place.
func (t *target) ofStep(err error) error {
	if !strings.Contains(err.Error(), releasedTwice) {
		return err
	}
	s := t.run.steps.Failed(t.plan.Name())
	if s == nil {
		return err
	}
	err = errors.New(s.Error)
	if m := exitText.FindStringSubmatch(s.Error); m != nil {
		if code, parseErr := strconv.ParseUint(m[1], 10, 32); parseErr == nil {
			err = &gatewaypb.ExitError{ExitCode: uint32(code), Err: err}
		}
	}
	return errdefs.WrapVertex(err, digest.Digest(s.ID))
}

// fillStep fills in which step failed and what it said.
func (t *target) fillStep(f *runner.Failure, id digest.Digest) {
	s, log := t.run.steps.Over(id)
	f.Step, f.StepID, f.Log, f.LogFile = s.Name, id.String(), log, s.Log
	name, isStep := steps.ParseName(s.Name)
	if len(s.Vertices) == 0 {
		f.Stage = name.Stage
		blame.Missing(f, nil, t.plan)
		return
	}
	v := s.Vertices[0]
	f.Stage, f.Vertex = v.Name, v.ID
	f.Platform = t.notable(steps.Platform(s.Vertices))
	if isStep {
		nth, of := name.Place()
		blame.Locate(f, v, nth, of, name.Text)
		if f.File != "" && f.File == fileName(v) && t.reads(v.Dockerfile) {
			f.File = t.plan.Dockerfile.Name // of equal files, it is this target's
		}
	}
	blame.Missing(f, v, t.plan)
}

// notable is a platform that does not go without saying: one of several, or one
// that is not the builder's own.
func (t *target) notable(platform string) string {
	if len(t.plan.Platforms) < 2 && platform == t.run.builder.Platform {
		return ""
	}
	return platform
}

// locate fills in where the error is written.
func (t *target) locate(f *runner.Failure, src *errdefs.Source) {
	if src.Info == nil || len(src.Ranges) == 0 {
		return
	}
	f.File = src.Info.Filename
	if d := t.plan.Dockerfile; d != nil && (d.Filename == f.File || bytes.Equal(d.Data, src.Info.Data)) {
		f.File = d.Name
	}
	first, last := definition.Lines(src.Ranges)
	data := src.Info.Data
	if file, lines, ok := t.run.reduced.WholeFor(t.plan.Dockerfile, data); ok {
		first, last = lines.Line(first), lines.Line(last)
		f.File, data = file.Name, file.Data
	}
	f.Line = first
	f.Excerpt = blame.Excerpt(data, first, last)
	if v := t.stageAt(first); v != nil {
		f.Stage, f.Vertex = v.Name, v.ID
	}
}

// reads says whether a Dockerfile is this target's, or has the same text: a stage
// that several targets share has the Dockerfile of the first.
func (t *target) reads(d *planner.Dockerfile) bool {
	own := t.plan.Dockerfile
	return d == own || d != nil && own != nil && bytes.Equal(d.Data, own.Data)
}

// fileName is the name of the file that a stage is written in.
func fileName(v *planner.Vertex) string {
	if v.Dockerfile == nil {
		return ""
	}
	return v.Dockerfile.Name
}

// stageAt returns the stage of this target's Dockerfile that holds a line, or
// nil.
func (t *target) stageAt(line int) *planner.Vertex {
	var best *planner.Vertex
	for _, v := range t.run.plan.Graph.Vertices {
		if v.Kind != planner.Stage || !t.reads(v.Dockerfile) || !slices.Contains(v.Targets, t.plan.Name()) {
			continue
		}
		if start := v.Range.Start.Line; start <= line && (best == nil || start > best.Range.Start.Line) {
			best = v
		}
	}
	return best
}

// classify says whose fault a failure of this target is.
func (t *target) classify(f *runner.Failure) {
	if f.ExitCode >= 0 {
		offline := t.plan.Target.Network == "none"
		faults.Step(f, cmp.Or(f.Platform, t.run.builder.Platform), t.run.builder.Platforms, offline)
		return
	}
	faults.Error(f)
}
