package main

import (
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/orch-build/orch/runner"
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
	flags.StringVarP(&f.jobs, "jobs", "j", "", "build at most `N` targets at a time (weights count; default: by the builder's cores and memory); "+
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

// applyJobs reads --jobs: a number, or a mode of the peer's with or without a
// number.
func (f *scheduleFlags) applyJobs(opt *runOptions) error {
	if f.jobs == "" {
		return nil
	}
	mode, number := "", ""
	for i, field := range strings.Split(f.jobs, ",") {
		key, value, isOption := strings.Cut(field, "=")
		switch {
		case isOption && key == "parallel" && number == "":
			number = value
		case isOption && key == "parallel":
			return usagef("--jobs %s: parallel is there twice", f.jobs)
		case isOption || mode != "":
			return usagef("--jobs %s: %q is not known; it is a number, or MODE[,parallel=N] with the mode fail-fast, defer-error or defer-output", f.jobs, field)
		case i == 0 && field != "" && strings.Trim(field, "0123456789-+") == "":
			number = field
		default:
			mode = field
		}
	}
	switch mode {
	case "", "fail-fast":
	case "defer-error":
		opt.keepGoing = true
	case "defer-output":
		opt.deferOutput = true
	default:
		return usagef("--jobs %s: unknown mode %q; there are fail-fast, defer-error and defer-output", f.jobs, mode)
	}
	if number == "" {
		return nil
	}
	n, err := strconv.Atoi(number)
	if err != nil || n < 0 {
		return usagef("--jobs %s: %q is no number of targets: it must not be negative", f.jobs, number)
	}
	opt.jobs = n
	return nil
}
