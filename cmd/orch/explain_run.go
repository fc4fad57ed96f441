package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/gitfact"
	"github.com/orch-build/orch/internal/mask"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/digest"
	"github.com/orch-build/orch/planner/explain"
	"github.com/orch-build/orch/planner/explain/since"
	"github.com/orch-build/orch/planner/facts"
	"github.com/orch-build/orch/planner/inputs"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/embedded"
	"github.com/orch-build/orch/runner/predict"
	"github.com/orch-build/orch/runner/record"
)

// snapshot is what targets are made of now, with what is needed to look again.
type snapshot struct {
	facts   *facts.Snapshot
	plan    *planner.Plan
	reads   *inputs.Reads
	digests digest.Options
	options facts.Options
}

// snapshot plans targets and writes down what they are made of.
func (e *env) snapshot(ctx context.Context, cfg *config.Config, platform string, resolve bool) (*snapshot, error) {
	plan, err := e.planned(ctx, cfg, planning{platform: platform})
	if err != nil {
		return nil, err
	}
	state, err := embedded.DefaultStateDir(e.getenv)
	if err != nil {
		return nil, err
	}
	memory := e.projectMemory()
	defer memory.flush()
	s, err := e.newSnapshot(plan, sensitive(cfg), memory, state, platform, resolve, predict.OpenImages(state))
	if err != nil {
		return nil, err
	}
	return s, s.take(ctx)
}

func (e *env) newSnapshot(plan *planner.Plan, hide *mask.Mask, memory projectMemory, state, platform string, resolve bool, seen *predict.Images) (*snapshot, error) {
	images := e.images(resolve)
	images.Seen = seen.Seen
	opt, err := e.digestOptions(platform, memory.planner(), images)
	if err != nil {
		return nil, err
	}
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	commit := ""
	if sha, err := gitfact.Read(".", "sha"); err == nil {
		commit, _ = sha.(string)
	}
	return &snapshot{
		plan: plan, digests: opt, reads: inputs.Contexts(plan, inputs.Options{Memory: memory.planner(), Now: time.Now()}),
		options: facts.Options{
			Dir: dir, Engine: digest.Engine(), Platform: platform, Commit: commit, Now: time.Now(), Key: predict.Key(state), Mask: hide.Text,
			Sensitive: func(_, value string) bool { return hide.Text(value) != value },
		},
	}, nil
}

// take writes down what the targets are made of. Files that were read before are
// not read again.
func (s *snapshot) take(ctx context.Context) error {
	all, err := digest.Compute(ctx, s.plan, s.reads, s.digests)
	if err != nil {
		return err
	}
	s.facts = facts.Take(s.plan, all, func(ref, _ string) time.Time {
		img, err := s.digests.Images.Image(ctx, ref, s.options.Platform)
		if err != nil {
			return time.Time{}
		}
		return created(img.Config)
	}, s.options)
	return nil
}

// foresight says before a run what will run, and checks it afterwards.
type foresight struct {
	*snapshot
	done  chan struct{}
	err   error
	state string
	store record.Store
	// seen are the images that the builder meets.
	seen *predict.Images
	book *predict.Book
	// explanation is nil while nothing is known.
	explanation *explain.Explanation
}

// foresee begins to look at what targets are made of, while the run begins. It
// is nil where nothing can be kept.
func (r *buildRun) foresee(ctx context.Context) *foresight {
	if r.record.Dir() == "" {
		return nil
	}
	state, err := embedded.DefaultStateDir(r.getenv)
	if err != nil {
		return nil
	}
	store, _, err := record.Project(r.getenv)
	if err != nil {
		return nil
	}
	f := &foresight{done: make(chan struct{}), state: state, store: store, seen: predict.OpenImages(state)}
	platform := r.site.platform()
	if platform == "" {
		platform = localPlatform()
	}
	memory := r.projectMemory()
	if f.snapshot, f.err = r.newSnapshot(r.plan, r.mask, memory, state, platform, false, f.seen); f.err != nil {
		close(f.done)
		return f
	}
	builder := r.site.name()
	go func() {
		defer close(f.done)
		defer memory.flush()
		if f.err = f.take(ctx); f.err != nil {
			return
		}
		f.book = predict.OpenBook(state, builder)
		f.explanation = predict.RunsOf(store).Explain(f.facts, builds(r.plan), f.book)
	}()
	return f
}

func builds(plan *planner.Plan) []string {
	var out []string
	for _, b := range plan.Builds {
		out = append(out, b.Name())
	}
	return out
}

// met notes an image that the builder met.
func (f *foresight) met(name, digest string) {
	if f != nil {
		f.seen.Meet(name, digest)
	}
}

// check compares what was foreseen with what ran, and keeps what the next run
// needs to know.
func (r *buildRun) checkForesight(ctx context.Context, run *runner.Report) {
	f := r.foresight
	if f == nil || ctx.Err() != nil {
		return
	}
	<-f.done
	if f.err != nil || f.explanation == nil {
		logrus.Debugf("explain: %v", f.err)
		return
	}
	moved, changed := f.seen.Settle()
	if !f.book.Empty() && run.Rounds <= 1 {
		predict.Check(f.explanation, run, predict.Run{Caches: r.readsCaches(), Alone: r.site.embedded(), Moved: moved})
	}
	if changed {
		// What follows from the images is known only now.
		if err := f.take(ctx); err != nil {
			logrus.Debugf("explain: %v", err)
			return
		}
	}
	r.record.Explained(f.inputs)
	f.book.Note(f.facts, run)
	f.seen.Save()
	for _, err := range []error{
		f.book.Save(), predict.SaveSnapshot(r.record.Dir(), f.facts), predict.SaveExplanation(r.record.Dir(), f.explanation),
	} {
		if err != nil {
			fmt.Fprintf(r.stderr, "Warning: %v\n", err)
		}
	}
}

// explained prints why targets were built, if that was asked for.
func (r *buildRun) explained() {
	if !r.opt.explain || r.foresight == nil || r.foresight.explanation == nil {
		return
	}
	since.Complete(r.ctx, ".", r.foresight.explanation)
	fmt.Fprintln(r.stderr)
	_ = r.foresight.explanation.Text(r.stderr, time.Now()) // stderr has no place for its faults
}

// sawImage keeps what the builder says of images.
func (r *buildRun) sawImage() func(ref, digest, platform string, config []byte) {
	store := r.images(false).Store
	return func(ref, digest, platform string, config []byte) {
		store.Save(digest, platform, config)
		r.foresight.met(ref, digest)
	}
}

// readsCaches says whether results may come from caches outside the builder.
func (r *buildRun) readsCaches() bool {
	for _, b := range r.plan.Builds {
		if len(b.CacheFrom) > 0 {
			return true
		}
	}
	return false
}

// inputs are the digests of a target, and why it was built.
func (f *foresight) inputs(name string) (*record.Inputs, []string) {
	t := f.facts.Targets[name]
	if t == nil {
		return nil, nil
	}
	var why []string
	for _, x := range f.explanation.Targets {
		if x.Name == name {
			why = x.Lines(time.Now())
		}
	}
	return &record.Inputs{Image: t.Image, Publication: t.Publication}, why
}
