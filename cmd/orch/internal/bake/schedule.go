package bake

import (
	"github.com/spf13/pflag"

	"github.com/orch-build/orch/cmd/orch/internal/build"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/jobs"
)

// scheduleFlags say what runs when, what a failure ends, and what is kept of a
// run.
type scheduleFlags struct {
	jobs      string
	keepGoing bool
	failFast  bool
	resume    bool
	retries   int
	result    string
	report    string
}

func (f *scheduleFlags) register(flags *pflag.FlagSet) {
	flags.StringVarP(&f.jobs, "jobs", "j", "", "let at most `N` targets run steps at a time (weights count; default: by the cores and memory of the embedded builder); "+
		"or a mode: fail-fast, defer-error or defer-output, each also as MODE,parallel=N")
	flags.BoolVarP(&f.keepGoing, "keep-going", "k", false, "after a failure, still build the targets that do not need what failed")
	flags.BoolVar(&f.failFast, "fail-fast", false, "stop at the first failure; this is the default")
	flags.BoolVar(&f.resume, "resume", false, "build only what failed, was blocked or never started in the last run in this folder")
	flags.IntVar(&f.retries, "retries", runner.DefaultRetries, "try again up to `N` times what failed because of a connection, a registry or a lost builder")
}

// apply checks the flags and puts them into opt.
func (f *scheduleFlags) apply(opt *build.Options) error {
	if err := f.applyJobs(opt); err != nil {
		return err
	}
	if f.keepGoing && f.failFast {
		return usage.Errorf("--keep-going and --fail-fast contradict each other")
	}
	if f.keepGoing && opt.DeferOutput {
		return usage.Errorf("--keep-going and --jobs defer-output contradict each other: with the one, what is good is written whatever fails")
	}
	if f.retries < 0 || f.retries > 100 {
		return usage.Errorf("--retries %d: it must be between 0 and 100", f.retries)
	}
	opt.KeepGoing = opt.KeepGoing || f.keepGoing
	if f.failFast && opt.KeepGoing {
		return usage.Errorf("--jobs defer-error and --fail-fast contradict each other")
	}
	opt.Retries = f.retries
	opt.ResultFile, opt.ReportFile = f.result, f.report
	return nil
}

// applyJobs reads --jobs and puts it into opt.
func (f *scheduleFlags) applyJobs(opt *build.Options) error {
	j, err := jobs.Parse(f.jobs)
	if err != nil {
		return usage.Errorf("--jobs %q: %v", f.jobs, err)
	}
	opt.Jobs, opt.KeepGoing, opt.DeferOutput = j.Parallel, j.Mode == "defer-error", j.Mode == "defer-output"
	return nil
}
