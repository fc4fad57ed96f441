package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/report"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/embedded"
	"github.com/orch-build/orch/runner/publication"
	"github.com/orch-build/orch/runner/publish"
	"github.com/orch-build/orch/runner/record"
)

// printer prints the end of the run.
func (r *buildRun) printer(run *runner.Report) *report.Printer {
	p := &report.Printer{
		Out: r.stderr, Width: r.width(), Getenv: r.getenv, Mask: r.mask.Text, Run: run,
		Earlier: len(r.opt.earlier), Resume: r.mask.Text(resumeCommand(r.args)), Kept: r.record.Kept() && r.opt.shard == nil,
		Together: r.publication != nil, Unmoved: len(publication.Unmoved(run, r.opt.earlier)), Moved: append(r.publication.Moved(run), r.pushed...),
	}
	if r.site.embedded() {
		if dir, err := embedded.DefaultStateDir(r.getenv); err == nil {
			p.StateDir = dir
		}
	}
	return p
}

// writeFiles writes the files that were asked for, whatever came of the run.
func (r *buildRun) writeFiles(run *runner.Report) error {
	var problems []error
	for _, f := range []struct {
		path  string
		write func(string, *runner.Report) error
	}{
		{r.opt.resultFile, r.record.WriteResult},
		{r.opt.junitFile, report.WriteJUnit},
		{r.opt.metadataFile, report.WriteMetadata},
		{r.opt.reportFile, r.record.WriteTimeline},
	} {
		if f.path != "" {
			problems = append(problems, f.write(f.path, run))
		}
	}
	return errors.Join(problems...)
}

// publisher keeps its journals in the state folder.
func (e *env) publisher() (*publish.Publisher, error) {
	opt, err := embedded.OptionsFromEnv(e.getenv)
	if err != nil {
		return nil, err
	}
	project, err := os.Getwd()
	if err != nil {
		project = ""
	}
	return &publish.Publisher{
		Dir: filepath.Join(opt.StateDir, "publish"), Project: project, Registry: publish.Remote{Client: e.openRegistries().client},
		Budget: opt.RegistryTimeout, Warn: e.notices.Warn, Note: e.notices.Note,
	}, nil
}

// publishTags moves the tags of a good run.
func (e *env) publishTags(ctx context.Context, p *publish.Publisher, run *runner.Report, earlier []*record.Target) error {
	defer e.interrupt.Hold()()
	return publication.Publish(ctx, p, run, earlier)
}

// publishRest moves the tags of a run whose targets are all built.
func (e *env) publishRest(ctx context.Context, left *record.Left) error {
	p, err := e.publisher()
	if err != nil {
		return err
	}
	run := &runner.Report{}
	if err := e.publishTags(ctx, p, run, left.Done); err != nil {
		return e.unpublished(ctx, err, len(publication.Unmoved(run, left.Done)))
	}
	if run.Published > 0 {
		fmt.Fprintf(e.stderr, "%s published.\n", termtext.Count(run.Published, "tag"))
	}
	return nil
}

// unpublished says that so many tags were not moved, and why, and returns the
// exit code.
func (e *env) unpublished(ctx context.Context, err error, tags int) error {
	code, begin := exitFailed, "Every target is built and pushed, but not under its tags"
	if ctx.Err() != nil {
		code, begin = exitInterrupted, "Interrupted: every target is built and pushed, but not under its tags"
	}
	text := err.Error()
	if publication.Nothing(err) {
		if ctx.Err() != nil {
			text = ""
		}
		text = strings.TrimPrefix(text+fmt.Sprintf("; no tag has moved, of %s", termtext.Count(tags, "tag")), "; ")
	}
	fmt.Fprintf(e.stderr, "\n%s: %s\n", begin, text)
	if publication.Again(err) {
		fmt.Fprintf(e.stderr, "To publish what is built: %s\n", resumeCommand(e.args))
	}
	return &errReported{code: code, err: err}
}
