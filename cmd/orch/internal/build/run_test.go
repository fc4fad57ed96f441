package build

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/cmd/orch/internal/clitest"
	"github.com/orch-build/orch/cmd/orch/internal/machine"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/cmd/orch/internal/site"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/builders/contexts"
	"github.com/orch-build/orch/runner/buildkit"
	"github.com/orch-build/orch/runner/buildkit/builder"
	"github.com/orch-build/orch/runner/engine"
	"github.com/orch-build/orch/runner/engine/enginepush"
	"github.com/orch-build/orch/runner/publication"
	"github.com/orch-build/orch/runner/publish"
	"github.com/orch-build/orch/runner/record"
)

// newRun is a run with those variables, and what goes to standard error.
func newRun(t *testing.T, vars map[string]string) (*Run, *bytes.Buffer) {
	t.Helper()
	e, _, stderr := clitest.Env(vars, "bake", "--push")
	return &Run{Session: planning.New(machine.New(e, nil))}, stderr
}

// onMachine is a site that is a Docker engine, or a builder if that is nil.
type onMachine struct {
	site.Nowhere
	is *builder.Engine
}

func (s onMachine) Engine() *builder.Engine { return s.is }

func dockerEngine(t *testing.T, info engine.Info) *builder.Engine {
	t.Helper()
	e, err := engine.New(contexts.Endpoint{Host: "unix:///nowhere.sock"})
	if err != nil {
		t.Fatal(err)
	}
	return &builder.Engine{Engine: e, Info: info}
}

func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func exitCodeOf(err error) int {
	var f *cli.Failure
	if errors.As(err, &f) {
		return f.Code
	}
	return -1
}

func TestOnEngine(t *testing.T) {
	r, _ := newRun(t, nil)
	plan := func(platforms ...string) *planner.Plan {
		return &planner.Plan{Builds: []*planner.Build{{Target: &config.Target{Name: "app"}, Platforms: platforms}}}
	}
	old := dockerEngine(t, engine.Info{Version: "24"})
	for _, tt := range []struct {
		name  string
		site  site.Site
		plan  *planner.Plan
		opt   Options
		alone bool
		says  string
	}{
		{name: "a builder", site: onMachine{}, plan: plan("linux/amd64", "linux/arm64")},
		{name: "containerd", site: onMachine{is: dockerEngine(t, engine.Info{Containerd: true})}, plan: plan("linux/amd64", "linux/arm64")},
		{name: "old", site: onMachine{is: old}, plan: plan("linux/amd64"), alone: true},
		{name: "two platforms", site: onMachine{is: old}, plan: plan("linux/amd64", "linux/arm64"), says: "it has 2 platforms"},
		{name: "together", site: onMachine{is: old}, plan: plan("linux/amd64"), opt: Options{Publish: "together"}, says: "pushes tag by tag"},
		{name: "shard", site: onMachine{is: old}, plan: plan("linux/amd64"), opt: Options{Shard: &record.Shard{}}, says: "a shard pushes by digest"},
	} {
		r.site, r.plan, r.Opt = tt.site, tt.plan, tt.opt
		alone, err := r.onEngine()
		if alone != tt.alone || (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, %v", tt.name, alone, err)
		}
		plain := tt.site.Engine() != nil && !tt.site.Engine().Info.Containerd
		if err := r.writesFiles(); (err != nil) != plain || plain && !strings.Contains(err.Error(), "--builder embedded") {
			t.Errorf("%s: writes files: %v", tt.name, err)
		}
	}
}

// TestUnpushed says how far an engine came, and whether it was interrupted.
func TestUnpushed(t *testing.T) {
	fault := &enginepush.Error{Pushed: []string{"r/a:1"}, Left: []string{"r/b:1"}, Err: errors.New("denied")}
	for _, tt := range []struct {
		ctx  context.Context
		code int
		says string
	}{
		{context.Background(), cli.ExitFailed, "\nEvery target is built and in the engine, but not all are pushed"},
		{canceled(), cli.ExitInterrupted, "\nInterrupted: every target is built and in the engine"},
	} {
		r, stderr := newRun(t, nil)
		if code := exitCodeOf(r.unpushed(tt.ctx, fault)); code != tt.code {
			t.Errorf("exit code %d", code)
		}
		for _, want := range []string{tt.says, "denied", "pushed already: r/a:1", "not pushed: r/b:1"} {
			if !strings.Contains(stderr.String(), want) {
				t.Errorf("no %q in:\n%s", want, stderr)
			}
		}
	}
}

// TestUnpublished offers to publish again what can be, and says that no tag has
// moved, or that all are where they were, only where that is so.
func TestUnpublished(t *testing.T) {
	failed := errors.New("registry down")
	for _, tt := range []struct {
		name        string
		ctx         context.Context
		err         error
		moved       []string // by the builder
		code        int
		want, never string
	}{
		{"nothing moved", context.Background(), failed, nil, cli.ExitFailed, "registry down; no tag has moved, of 2 tags\nTo publish what is built: orch bake --push --resume", "Interrupted"},
		{"interrupted", canceled(), failed, nil, cli.ExitInterrupted, "Interrupted: every target is built and pushed, but not under its tags: no tag has moved", "registry down"},
		{"unfinished", context.Background(), &publish.UnfinishedError{Err: failed}, nil, cli.ExitFailed, "but not under its tags", "no tag has moved"},
		{"put back", context.Background(), &publish.PutBackError{Err: failed}, nil, cli.ExitFailed, "every tag is where it was\n", "but for"},
		{"moved by the builder", context.Background(), failed, []string{"far/a:1"}, cli.ExitFailed, "not under all of its tags: registry down; no tag has moved, of 2 tags, but for far/a:1, which the builder has moved\n", "Interrupted"},
		{"put back, moved by the builder", context.Background(), &publish.PutBackError{Err: failed}, []string{"far/a:1"}, cli.ExitFailed, "every tag is where it was, but for far/a:1, which the builder has moved\n", "under its tags"},
	} {
		r, stderr := newRun(t, nil)
		if code := exitCodeOf(unpublished(tt.ctx, r.Session, tt.err, 2, tt.moved)); code != tt.code {
			t.Errorf("%s: exit code %d", tt.name, code)
		}
		if text := stderr.String(); !strings.Contains(text, tt.want) || strings.Contains(text, tt.never) {
			t.Errorf("%s:\n%s", tt.name, text)
		}
	}
}

// TestNotBegun leaves an error as it is, unless the reason is an interrupt.
func TestNotBegun(t *testing.T) {
	r, stderr := newRun(t, nil)
	fault := errors.New("no builder")
	if err := notBegun(t.Context(), r.Session, fault); err != fault || stderr.Len() > 0 {
		t.Errorf("%v:\n%s", err, stderr)
	}
	if code := exitCodeOf(notBegun(canceled(), r.Session, fault)); code != cli.ExitInterrupted || !strings.Contains(stderr.String(), "before anything was built") {
		t.Errorf("exit code %d:\n%s", code, stderr)
	}
}

func TestAbandoned(t *testing.T) {
	r, stderr := newRun(t, nil)
	fault := errors.New("lost")
	if err := r.abandoned(t.Context(), fault); err != fault {
		t.Errorf("%v", err)
	}
	r.publication = publication.ByDigestAlone()
	if code := exitCodeOf(r.abandoned(canceled(), fault)); code != cli.ExitInterrupted || !strings.Contains(stderr.String(), "the builder does not answer") {
		t.Errorf("exit code %d:\n%s", code, stderr)
	}
}

func TestMetadataProvenance(t *testing.T) {
	for value, want := range map[string]buildkit.ProvenanceMode{
		"": buildkit.MinProvenance, "min": buildkit.MinProvenance, "max": buildkit.MaxProvenance, "disabled": buildkit.NoProvenance, "0": buildkit.NoProvenance, "1": buildkit.MinProvenance,
	} {
		r, _ := newRun(t, map[string]string{"BUILDX_METADATA_PROVENANCE": value})
		if got := metadataProvenance(r.Session, "m.json"); got != want {
			t.Errorf("%q: %v", value, got)
		}
		if got := metadataProvenance(r.Session, ""); got != buildkit.NoProvenance {
			t.Errorf("%q, without a file: %v", value, got)
		}
	}
}

// TestSayShard says what is left to do for a good shard.
func TestSayShard(t *testing.T) {
	run := &runner.Report{}
	for want, opt := range map[string]Options{
		"": {},
		"The shared stages are in the cache of the lane.\n":         {Shard: &record.Shard{}},
		"Shard 2/3 is done: its result is in orch.result.2.json.\n": {Shard: &record.Shard{Index: 2, Count: 3}, ResultFile: "orch.result.2.json"},
	} {
		r, stderr := newRun(t, nil)
		r.Opt = opt
		r.sayShard(run)
		if got := stderr.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if tagsWillBe(1) != "1 tag is" || tagsWillBe(2) != "2 tags are" {
		t.Error("a tag and two")
	}
}

// TestBad says why a run is not good, with the exit code that goes with it.
func TestBad(t *testing.T) {
	fault := errors.New("the disk is full")
	for _, tt := range []struct {
		name   string
		ctx    context.Context
		run    runner.Report
		failed error
		code   int // -1: the error itself
		says   string
	}{
		{name: "not loaded", run: runner.Report{LoadErr: fault}, code: cli.ExitFailed, says: "What was built is not in the Docker engine: the disk is full"},
		{name: "audit", run: runner.Report{AuditErr: fault}, code: cli.ExitFailed, says: "The audit of skipped targets failed, and no tag has moved:\nthe disk is full"},
		{name: "not published", run: runner.Report{PublishErr: fault}, code: cli.ExitFailed, says: "the disk is full; no tag has moved"},
		{name: "interrupted late", ctx: canceled(), code: cli.ExitInterrupted},
		{
			name: "does not answer", ctx: canceled(), code: cli.ExitInterrupted, says: "what it did after the interrupt is not known",
			run: runner.Report{Abandoned: true, Targets: []*runner.TargetReport{{Build: &planner.Build{Target: &config.Target{Name: "a"}}, State: runner.Canceled}}},
		},
		{
			name: "as a whole", failed: fault, code: -1,
			run: runner.Report{Targets: []*runner.TargetReport{{Build: &planner.Build{Target: &config.Target{Name: "a"}}, State: runner.Canceled}}},
		},
	} {
		r, stderr := newRun(t, nil)
		r.site, r.Record = site.Nowhere{}, record.Unkept(record.Options{Config: &config.Config{}, Mask: r.mask.Text, Getenv: r.Getenv})
		if tt.ctx == nil {
			tt.ctx = t.Context()
		}
		err := r.bad(tt.ctx, &tt.run, r.printer(&tt.run), tt.failed)
		if code := exitCodeOf(err); code != tt.code || code == -1 && err != tt.failed {
			t.Errorf("%s: %v, exit code %d, want %d", tt.name, err, code, tt.code)
		}
		if !strings.Contains(stderr.String(), tt.says) {
			t.Errorf("%s: no %q in:\n%s", tt.name, tt.says, stderr)
		}
	}
}
