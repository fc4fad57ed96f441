package main

import (
	"github.com/spf13/pflag"

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
func (f *scheduleFlags) apply(opt *runOptions) error {
	if err := f.applyJobs(opt); err != nil {
		return err
	}
	if f.keepGoing && f.failFast {
		return usagef("--keep-going and --fail-fast contradict each other")
	}
	if f.keepGoing && opt.deferOutput {
		return usagef("--keep-going and --jobs defer-output contradict each other: with the one, what is good is written whatever fails")
	}
	if f.retries < 0 || f.retries > 100 {
		return usagef("--retries %d: it must be between 0 and 100", f.retries)
	}
	opt.keepGoing = opt.keepGoing || f.keepGoing
	if f.failFast && opt.keepGoing {
		return usagef("--jobs defer-error and --fail-fast contradict each other")
	}
	opt.retries = f.retries
	opt.resultFile, opt.reportFile = f.result, f.report
	return nil
}

// applyJobs reads --jobs and puts it into opt.
func (f *scheduleFlags) applyJobs(opt *runOptions) error {
	j, err := jobs.Parse(f.jobs)
	if err != nil {
		return usagef("--jobs %q: %v", f.jobs, err)
	}
	opt.jobs, opt.keepGoing, opt.deferOutput = j.Parallel, j.Mode == "defer-error", j.Mode == "defer-output"
	return nil
}
