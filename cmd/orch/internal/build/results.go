package build

import (
	"errors"
	"slices"

	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/cmd/orch/internal/screen"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/statedir"
	"github.com/orch-build/orch/report"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/publication"
	"github.com/orch-build/orch/runner/record"
	"github.com/orch-build/orch/runner/runs"
)

// printer prints the end of the run.
func (r *Run) printer(run *runner.Report) *report.Printer {
	fromInput := cli.FromInput(r.Args)
	p := &report.Printer{
		Out: r.Stderr, Verbose: r.Opt.Verbose, Width: screen.Width(r.Env), Getenv: r.Getenv, Mask: r.mask.Text, Run: run,
		Earlier: len(r.Opt.Earlier), Resume: r.mask.Text(cli.ResumeCommand(r.Args)), Kept: r.Record.Kept() && r.Opt.Shard == nil && !fromInput, Shard: r.Opt.Shard != nil,
		Together: r.publication != nil, Unmoved: len(publication.Unmoved(run, r.Opt.Earlier)), Moved: r.movedByBuilder(run),
	}
	if !r.several && !fromInput && r.Opt.Shard == nil && !slices.ContainsFunc(r.Args, config.IsRemote) {
		p.Debug = func(part string) string { return r.mask.Text(cli.DebugCommand(r.Args, part)) }
	}
	if r.site.Embedded() {
		if dir, err := statedir.Default(r.Getenv); err == nil {
			p.StateDir = dir
		}
	}
	return p
}

// movedByBuilder are the tags that orch had no hand in.
func (r *Run) movedByBuilder(run *runner.Report) []string {
	return append(r.publication.Moved(run), r.pushed...)
}

// WriteFiles writes the files that were asked for, whatever came of the run.
func (r *Run) WriteFiles(run *runner.Report) error {
	var problems []error
	for _, f := range []struct {
		path  string
		write func(string, *runner.Report) error
	}{
		{r.Opt.ResultFile, r.Record.WriteResult},
		{r.Opt.JunitFile, report.WriteJUnit},
		{r.Opt.MetadataFile, report.WriteMetadata},
		{r.Opt.ReportFile, r.Record.WritePage},
	} {
		if f.path != "" {
			problems = append(problems, f.write(f.path, run))
		}
	}
	return errors.Join(problems...)
}

// page shows the page of the run as far as it is, and says where it is.
func (r *Run) page() string {
	if r.Record.Dir() == "" {
		return "This run keeps no record, so that it has no page."
	}
	kept := record.Kept{ID: r.Record.ID(), Dir: r.Record.Dir()}
	file := runs.PageFile(kept)
	if err := runs.WritePage(file, kept); err != nil {
		return "The page could not be written: " + err.Error()
	}
	return screen.Browse(r.Env, file)
}
