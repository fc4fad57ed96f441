package foresight

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/explain"
	"github.com/orch-build/orch/planner/explain/since"
	"github.com/orch-build/orch/planner/facts"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/predict"
	"github.com/orch-build/orch/runner/record"
)

// Foresight is what was said of a run before it. A nil one knows nothing.
type Foresight struct {
	snapshot *Snapshot
	taken    chan struct{} // closed when sums are there, or never will be
	sums     map[string]string
	done     chan struct{}
	err      error
	// seen are the images that the builder meets.
	seen *predict.Images
	book *predict.Book
	runs predict.Runs
	// explanation is nil while nothing is known.
	explanation *explain.Explanation
}

// Options say for what run.
type Options struct {
	Source
	Store record.Store
	// Builder is the name of the builder.
	Builder string
	// Seen are the images that are known; those of Source look there.
	Seen *predict.Images
	// Done is called when nothing is read any more.
	Done func()
}

// Begin begins to look at what targets are made of, while the run begins.
func Begin(ctx context.Context, opt Options) *Foresight {
	f := &Foresight{taken: make(chan struct{}), done: make(chan struct{}), seen: opt.Seen, runs: predict.RunsOf(opt.Store)}
	if f.snapshot, f.err = New(opt.Source); f.err != nil {
		close(f.taken)
		close(f.done)
		return f
	}
	go func() {
		defer close(f.done)
		defer opt.Done()
		f.err = f.snapshot.Take(ctx)
		f.sums = sums(f.snapshot.Facts)
		close(f.taken)
		if f.err != nil {
			return
		}
		f.book = predict.OpenBook(opt.State, opt.Builder)
		f.explanation = f.runs.Explain(f.snapshot.Facts, names(opt.Plan), f.book)
	}()
	return f
}

func names(plan *planner.Plan) []string {
	var out []string
	for _, b := range plan.Builds {
		out = append(out, b.Name())
	}
	return out
}

// sums are the digests of the targets that prove something.
func sums(s *facts.Snapshot) map[string]string {
	out := map[string]string{}
	if s == nil {
		return out
	}
	for name, t := range s.Targets {
		if len(t.Open) == 0 {
			out[name] = t.Publication
		}
	}
	return out
}

// Sum is the digest of all that goes into a target and of what is published of it, as
// it was when the run began; "" if that is not known, or something is open.
func (f *Foresight) Sum(target string) string {
	if f == nil {
		return ""
	}
	<-f.taken
	return f.sums[target]
}

// Met notes an image that the builder met.
func (f *Foresight) Met(name, digest string) {
	if f != nil {
		f.seen.Meet(name, digest)
	}
}

// Check compares what was foreseen with what ran, and keeps what the next run
// needs to know. alone says that nobody else uses the builder. It returns what
// could not be kept.
func (f *Foresight) Check(ctx context.Context, run *runner.Report, rec *record.Recorder, alone bool) []error {
	if f == nil || ctx.Err() != nil {
		return nil
	}
	<-f.done
	if f.err != nil || f.explanation == nil {
		logrus.Debugf("explain: %v", f.err)
		return nil
	}
	moved, changed := f.seen.Settle()
	if !f.book.Empty() && run.Rounds <= 1 {
		predict.Check(f.explanation, run, predict.Run{Caches: readsCaches(f.snapshot.plan), Alone: alone, Moved: moved})
	}
	if changed {
		// What follows from the images is known only now.
		if err := f.snapshot.Take(ctx); err != nil {
			logrus.Debugf("explain: %v", err)
			return nil
		}
		f.differ()
	}
	rec.Explained(f.inputs)
	f.book.Note(f.snapshot.Facts, run)
	f.seen.Save()
	return []error{
		f.book.Save(), f.runs.SaveSnapshot(rec.Dir(), f.snapshot.Facts, run), predict.SaveExplanation(rec.Dir(), f.explanation),
	}
}

// differ says again by what the targets differ from earlier runs. What was
// predicted of their steps stays.
func (f *Foresight) differ() {
	again := f.runs.Explain(f.snapshot.Facts, f.explanation.Names(), f.book)
	for i, t := range f.explanation.Targets {
		t.Differs(again.Targets[i])
		t.Open = again.Targets[i].Open
	}
}

// readsCaches says whether results may come from caches outside the builder.
func readsCaches(plan *planner.Plan) bool {
	for _, b := range plan.Builds {
		if len(b.CacheFrom) > 0 {
			return true
		}
	}
	return false
}

// Print prints why targets were built, if anything is known.
func (f *Foresight) Print(ctx context.Context, w io.Writer) {
	if f == nil || f.explanation == nil {
		return
	}
	since.Complete(ctx, ".", f.explanation)
	fmt.Fprintln(w)
	_ = f.explanation.Text(w, time.Now()) // w has no place for its faults
}

// inputs are the digests of a target, and why it was built.
func (f *Foresight) inputs(name string) (*record.Inputs, []string) {
	t := f.snapshot.Facts.Targets[name]
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
