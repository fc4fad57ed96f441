package sharding

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/orch-build/orch/cmd/orch/internal/build"
	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/cmd/orch/internal/version"
	"github.com/orch-build/orch/internal/helptext"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/shard"
	"github.com/orch-build/orch/report"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/merge"
	"github.com/orch-build/orch/runner/publication"
	"github.com/orch-build/orch/runner/publish"
	"github.com/orch-build/orch/runner/record"
)

const mergeLong = `merge reads the results of the shards of one plan and does what the end of one
run of everything does: it checks that every shard is there and good, makes one
image of platforms that were built apart, moves all tags in one phase, and
writes the table and the files of the run.

The tests of a target are run by the shard that builds it, before its image is
pushed; no tag moves unless all of them are passed. A shard that is missing,
failed or there twice is an error that says how to run it again. With
--allow-partial, the targets that are whole are published all the same.

Exit codes: 0 merged, 1 a shard is missing or failed, or a tag has not moved,
2 wrong use or a wrong file, 130 interrupted.`

// mergeFlags say what is done with results.
type mergeFlags struct {
	plan     string
	partial  bool
	metadata string
	result   string
	report   string
	junit    string
}

// NewMergeCommand makes the command that puts the results of shards together.
func NewMergeCommand(e *planning.Session) *cobra.Command {
	var f mergeFlags
	cmd := &cobra.Command{
		Use:   "merge RESULT…",
		Short: "Put the results of shards together and move the tags",
		Long:  mergeLong,
		Example: `  orch merge orch.result.*.json
  orch merge --plan shards.json --metadata-file metadata.json orch.result.*.json
  orch merge --allow-partial --junit tests.xml orch.result.*.json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(cmd.Context(), e, args)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.plan, "plan", "", "the `FILE` of the plan: the results have to be of it, and nothing else is published")
	flags.BoolVar(&f.partial, "allow-partial", false, "publish the targets that are whole, even if shards are missing or failed")
	helptext.Grouped(flags, "Results", func(flags *pflag.FlagSet) {
		flags.StringVar(&f.metadata, "metadata-file", "", "write digests and names of the images as JSON to `FILE`")
		flags.StringVar(&f.result, "result", "orch.result.json", "write a record of the run as JSON to `FILE`, whatever comes of it")
		flags.StringVar(&f.report, "report", "", "write a page about the run to `FILE`")
		flags.StringVar(&f.junit, "junit", "", "write the results of the test blocks as JUnit XML to `FILE`")
	})
	return cmd
}

// run merges results.
func (f *mergeFlags) run(ctx context.Context, e *planning.Session, paths []string) error {
	e.Interrupt.Note("interrupted before any tag was moved")
	err := cli.Writable([][2]string{{"--metadata-file", f.metadata}, {"--result", f.result}, {"--report", f.report}, {"--junit", f.junit}})
	if err != nil {
		return err
	}
	var plan *shard.File
	if f.plan != "" {
		if plan, err = ReadPlan(f.plan); err != nil {
			return err
		}
	}
	results, err := readResults(paths)
	if err != nil {
		return usage.Errorf("%w", err)
	}
	if plan == nil && len(results) == 0 {
		return usage.Errorf("merge needs the results of the shards, such as orch.result.*.json")
	}
	set, err := merge.Gather(results, plan, f.plan)
	if err != nil {
		return usage.Errorf("%w", err)
	}
	m := &mergeRun{Session: e, flags: f, set: set, merged: set.Merge()}
	if set.Empty() {
		return m.nothing(plan)
	}
	return m.finish(ctx, m.publish(ctx))
}

// readResults reads the results of shards. A pattern is one that the shell has
// left as it is, because there was no such file.
func readResults(paths []string) ([]*merge.Result, error) {
	var out []*merge.Result
	var problems []error
	for _, path := range paths {
		found := []string{path}
		if _, err := os.Lstat(path); err != nil && strings.ContainsAny(path, "*?[") {
			// What is wrong with the pattern is found when it is opened.
			if matches, err := filepath.Glob(path); err == nil {
				found = matches
			}
		}
		for _, one := range found {
			r, err := merge.Read(one)
			if err != nil {
				problems = append(problems, err)
				continue
			}
			out = append(out, r)
		}
	}
	return out, errors.Join(problems...)
}

// mergeRun is one merge.
type mergeRun struct {
	*planning.Session
	flags  *mergeFlags
	set    *merge.Set
	merged *merge.Merged
}

// nothing writes what is asked for of a plan without targets, as a run writes it
// that has nothing to build.
func (m *mergeRun) nothing(plan *shard.File) error {
	now := time.Now()
	reason := "the shards have no targets"
	if plan != nil && plan.Reason != "" {
		reason = strings.TrimSuffix(plan.Reason, ".")
	}
	if err := m.writeFiles(&runner.Report{Plan: &planner.Plan{Graph: &planner.Graph{}}, Started: now, Finished: now}); err != nil {
		return err
	}
	fmt.Fprintf(m.Stderr, "Nothing to merge: %s.\n", reason)
	return nil
}

// whole says whether anything is published.
func (m *mergeRun) whole() bool { return m.flags.partial || m.set.Err() == nil && m.merged.Report.OK() }

// publish makes the images of targets that are whole and moves their tags.
func (m *mergeRun) publish(ctx context.Context) error {
	run := m.merged.Report
	if !m.whole() {
		return nil
	}
	if err := m.merged.Indexes(ctx, m.OpenRegistries().Client); err != nil {
		return err
	}
	if len(publication.Unmoved(run, nil)) == 0 {
		return nil
	}
	p, err := m.Publisher()
	if err != nil {
		return err
	}
	publication.Keep(ctx, p, run)
	moves, ready := publication.Unmoved(run, nil), m.ready()
	var refs []publish.Ref
	for _, move := range moves {
		refs = append(refs, move.Ref)
	}
	release := m.Interrupt.Hold()
	err = p.Prepare(ctx, refs)
	release()
	if err != nil {
		return err
	}
	if err := build.PublishTags(ctx, m.Session, p, run, nil); err != nil {
		return err
	}
	m.keepRecords(ctx, ready)
	return nil
}

// finish writes and prints what has come of it.
func (m *mergeRun) finish(ctx context.Context, failed error) error {
	run := m.merged.Report
	run.PublishErr = failed
	unwritten := m.writeFiles(run)
	build.KeepTimes(m.Session, run)
	p := &report.Printer{
		Out: m.Stderr, Width: termtext.Columns(m.Stderr), Getenv: m.Getenv, Mask: func(s string) string { return s }, Run: run,
		Together: true, Unmoved: len(publication.Unmoved(run, nil)),
	}
	problems := m.problems()
	build.Summarize(m.Session, p, errors.Join(problems, failed))
	if failed == nil && problems == nil {
		p.Good()
		return unwritten
	}
	if unwritten != nil {
		fmt.Fprintf(m.Stderr, "orch: %v\n", unwritten)
	}
	if len(run.Failures()) > 0 {
		p.Failed()
	}
	switch {
	case failed != nil:
		return m.unmoved(ctx, failed, problems)
	case m.flags.partial:
		p.Partial()
		fmt.Fprintf(m.Stderr, "%s published, of the targets that are whole.\n", termtext.Count(run.Published+run.Stayed, "tag"))
	case len(run.Failures()) == 0 || p.Unmoved == 0: // or else the failure says so
		fmt.Fprintf(m.Stderr, "\nNo tag has moved.\n")
	}
	fmt.Fprintf(m.Stderr, "orch: %v\n", problems)
	return &cli.Failure{Code: cli.ExitFailed, Err: problems}
}

// problems says what is missing or has failed; nil if nothing is.
func (m *mergeRun) problems() error {
	if err := m.set.Err(); err != nil {
		return err
	}
	return notDone(m.merged.Report)
}

// notDone says which targets are not done though every shard is good.
func notDone(run *runner.Report) error {
	var problems []error
	for _, t := range run.Targets {
		if t.State != runner.Done {
			problems = append(problems, fmt.Errorf("target %q: %w", t.Name(), t.Err))
		}
	}
	return errors.Join(problems...)
}

// unmoved says why tags have not moved. problems are shards that are not good.
func (m *mergeRun) unmoved(ctx context.Context, err, problems error) error {
	begin := "Every shard is good, but the tags have not moved"
	if problems != nil {
		fmt.Fprintf(m.Stderr, "orch: %v\n", problems)
		begin = "The tags of the targets that are whole have not moved"
	}
	code, text := cli.ExitFailed, err.Error()
	if ctx.Err() != nil {
		code = cli.ExitInterrupted
	}
	if publication.Nothing(err) {
		text += "; no tag has moved"
	}
	fmt.Fprintf(m.Stderr, "\n%s: %s\n", begin, text)
	if publication.Again(err) {
		fmt.Fprintf(m.Stderr, "To publish what is built: %s\n", cli.CommandLine(m.Args))
	}
	return &cli.Failure{Code: code, Err: err}
}

// writeFiles writes the files that an unsharded run writes.
func (m *mergeRun) writeFiles(run *runner.Report) error {
	info := record.Info{
		Orch: version.Stamped, Args: m.Args, Definition: func(b *planner.Build) string { return m.merged.Definitions[b.Name()] },
		Inputs: m.merged.Inputs,
	}
	if len(m.set.Results) > 0 {
		first := m.set.Results[0]
		info.Project, info.ID, info.Env = first.Project, first.ID, first.Env
	}
	rec := record.New(run, info)
	if !m.set.Empty() && run.PublishErr == nil && m.problems() != nil {
		rec.State = "failed" // a shard that is missing has not failed, but the merge has
	}
	var problems []error
	for _, f := range []struct {
		path  string
		write func(string) error
	}{
		{m.flags.result, func(path string) error { return record.WriteResult(path, rec) }},
		{m.flags.junit, func(path string) error { return report.WriteJUnit(path, run) }},
		{m.flags.metadata, func(path string) error { return report.WriteMetadata(path, run) }},
		{m.flags.report, func(path string) error { return record.WritePage(path, rec, record.Beside{}) }},
	} {
		if f.path != "" {
			problems = append(problems, f.write(f.path))
		}
	}
	return errors.Join(problems...)
}
