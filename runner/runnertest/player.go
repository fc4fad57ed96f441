package runnertest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/orch-build/orch/internal/output"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/blame"
)

// player plays the section of one target.
type player struct {
	*session
	build  *planner.Build
	result *runner.Result
	end    runner.Measured
	step   *runner.Step // the last one
	log    []string     // of the last step
}

// play plays lines until one of them ends the build.
func (p *player) play(ctx context.Context, lines []line) error {
	for _, l := range lines {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := p.line(ctx, l); err != nil {
			return err
		}
	}
	p.finish("done", "")
	return nil
}

func (p *player) line(ctx context.Context, l line) error {
	switch l.word {
	case "step":
		p.finish("done", "")
		p.begin(l)
	case "|":
		p.print(l.arg(0))
	case "done", "cached", "error":
		p.finish(l.word, l.arg(0))
	case "warning":
		p.send(runner.Warning{
			Text: l.arg(0), File: l.keys["file"], Line: int(number(l.keys["line"])),
			Record: map[string]string{"short": l.arg(0)},
		})
	case "wait":
		d, _ := time.ParseDuration(l.arg(0))
		select {
		case <-time.After(d):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	case "fail":
		return p.fail(l)
	default:
		p.takeResult(l)
	}
	return nil
}

// takeResult adds what a line says of the result.
func (p *player) takeResult(l line) {
	switch l.word {
	case "digest":
		p.result.Digest = l.arg(0)
		p.result.Metadata = map[string]any{"containerimage.digest": l.arg(0)}
	case "size":
		p.end.ImageSize, p.end.BuildStage, p.end.BuildStageSize = number(l.arg(0)), l.keys["stage"], number(l.keys["built"])
	case "output":
		p.result.Outputs = append(p.result.Outputs, runner.Output{Type: l.arg(0), Where: l.arg(1), Size: number(l.keys["size"])})
	case "tag":
		p.result.Unpublished = append(p.result.Unpublished, runner.Tag{Name: l.arg(0), Digest: l.arg(1)})
	case "test":
		p.result.Tests = append(p.result.Tests, runner.TestResult{Name: l.arg(0), Took: l.duration("took"), Failure: l.keys["fails"]})
	}
}

// begin begins a step. It is one of a stage of the target if the plan has a
// stage with the name in the step's brackets.
func (p *player) begin(l line) {
	p.mu.Lock()
	p.steps++
	n := p.steps
	p.mu.Unlock()
	s := &runner.Step{
		ID: cmp.Or(l.keys["id"], fmt.Sprintf("sha256:%064d", n)), Number: n, Name: l.arg(0), Targets: []string{p.build.Name()},
		Internal: strings.HasPrefix(l.arg(0), "[internal]"), Log: l.keys["log"],
		Transfer: runner.Transfer{Sent: number(l.keys["sent"])},
		Took:     l.duration("took"),
	}
	s.Started = time.Now()
	s.Began = s.Started
	p.name(s)
	p.step, p.log = s, nil
	shown := *s
	shown.Took, shown.Transfer = 0, runner.Transfer{}
	p.send(runner.StepStarted{Step: &shown})
}

// name takes the brackets in front of a step's name apart.
func (p *player) name(s *runner.Step) {
	s.Title = s.Name
	inside, text, ok := strings.Cut(strings.TrimPrefix(s.Name, "["), "] ")
	if !ok || s.Internal {
		if len(p.plan.Builds) > 1 && !s.Internal {
			s.Title = "[" + p.build.Name() + "] " + s.Name
		}
		return
	}
	s.Label, s.Text = inside, text
	// The frontend gives the only stage of a Dockerfile no name: "[1/2] RUN make".
	stage, _, named := strings.Cut(inside, " ")
	for _, v := range p.plan.Graph.Vertices {
		is := named && v.Name == stage || !named && slices.Contains(p.build.Stages, v)
		if v.Kind == planner.Stage && is && slices.Contains(v.Targets, p.build.Name()) {
			s.Vertices, s.Targets = []*planner.Vertex{v}, v.Targets
			break
		}
	}
	if len(p.plan.Builds) > 1 {
		s.Title = "[" + strings.Join(s.Targets, "+") + ": " + inside + "] " + text
	}
}

func (p *player) print(text string) {
	if p.step == nil {
		return
	}
	p.log = append(p.log, text)
	p.keep(text)
	p.send(runner.StepOutput{ID: p.step.ID, Data: []byte(text + "\n")})
}

// keep adds a line to the log file of the last step.
func (p *player) keep(text string) {
	if p.LogDir == "" {
		return
	}
	if p.step.Log == "" {
		p.step.Log = filepath.Join(p.LogDir, fmt.Sprintf("%03d.log", p.step.Number))
	}
	f, err := output.OpenAppend(p.step.Log, 0o600)
	if err != nil {
		return
	}
	fmt.Fprintln(f, text)
	f.Close()
}

// finish ends the last step, if it has not ended.
func (p *player) finish(how, text string) {
	if p.step == nil || p.step.Done {
		return
	}
	s := *p.step
	s.Done, s.Cached, s.Error = true, how == "cached", text
	s.Finished = s.Started.Add(s.Took)
	if s.Cached {
		s.Count.Cached = 1
	} else {
		s.Count.Run = 1
	}
	if !s.Internal {
		p.end.Steps.Run += s.Count.Run
		p.end.Steps.Cached += s.Count.Cached
	}
	p.step = &s
	p.send(runner.StepFinished{Step: &s})
}

// fail ends the last step and the build.
func (p *player) fail(l line) error {
	p.finish("error", l.arg(0))
	f := failureOf(l)
	f.Target, f.Log = p.build.Name(), p.log
	if s := p.step; s != nil {
		f.Step, f.StepID, f.LogFile = s.Name, s.ID, s.Log
		if len(s.Vertices) > 0 {
			f.Vertex = s.Vertices[0].ID
			if stage, _, named := strings.Cut(s.Label, " "); named {
				f.Stage = stage
			}
		}
	}
	if stage := l.keys["stage"]; stage != "" {
		f.Stage = stage
	}
	if d := p.build.Dockerfile; d != nil && d.Name == f.File && f.Line > 0 {
		f.Excerpt = blame.Excerpt(d.Data, f.Line, f.Line)
	}
	return f
}

// failureOf is the failure that a line describes.
func failureOf(l line) *runner.Failure {
	f := &runner.Failure{
		ExitCode: -1, File: l.keys["file"], Line: int(number(l.keys["line"])), Reason: l.keys["reason"],
		Transient: l.is("transient"), Lost: l.is("lost"), DiskFull: l.is("disk-full"), RetryAfter: l.duration("after"),
		Err: errors.New(l.arg(0)),
	}
	if code := l.keys["exit"]; code != "" {
		f.ExitCode = int(number(code))
	}
	switch l.keys["fault"] {
	case "user":
		f.Fault = runner.FaultUser
	case "infrastructure":
		f.Fault = runner.FaultInfrastructure
	}
	return f
}
