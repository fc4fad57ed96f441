package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
	"github.com/tonistiigi/go-csvvalue"

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
	j, err := parseJobs(f.jobs)
	if err != nil {
		return usagef("--jobs %q: %v", f.jobs, err)
	}
	opt.jobs, opt.keepGoing, opt.deferOutput = j.parallel, j.mode == "defer-error", j.mode == "defer-output"
	return nil
}

// jobs is the value of --jobs.
type jobs struct {
	mode     string
	parallel int // 0 is no limit of the user's
}

// parseJobs reads the grammar of bake: a number, or comma separated fields
// mode=MODE and parallel=N, where "mode=" may be left out. A field may be
// quoted as in CSV; blanks around fields, keys and values do not count, nor
// does the case of keys.
func parseJobs(text string) (jobs, error) {
	j := jobs{mode: "fail-fast"}
	text = strings.TrimSpace(text)
	if text == "" {
		return j, nil
	}
	if _, err := strconv.Atoi(text); err == nil {
		text = "parallel=" + text
	}
	fields, err := csvvalue.Fields(text, nil)
	if err != nil {
		return j, errors.New("it is not a list of comma separated fields")
	}
	seen := map[string]bool{}
	for _, field := range fields {
		key, value, ok := strings.Cut(field, "=")
		if !ok {
			key, value = "mode", field
		}
		key = strings.ToLower(strings.TrimSpace(key))
		if seen[key] {
			return j, fmt.Errorf("%s is there twice", key)
		}
		seen[key] = true
		if err := j.set(key, strings.TrimSpace(value)); err != nil {
			return j, err
		}
	}
	return j, nil
}

// set sets one field of --jobs.
func (j *jobs) set(key, value string) error {
	switch key {
	case "mode":
		if !slices.Contains(jobModes, value) {
			return fmt.Errorf("unknown mode %q; there are %s", value, strings.Join(jobModes, ", "))
		}
		j.mode = value
	case "parallel":
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 {
			return fmt.Errorf("parallel=%s is not a number of targets: write a whole number that is not negative", value)
		}
		j.parallel = n
	default:
		return fmt.Errorf("there is no option %q; write a number, or MODE[,parallel=N]", key)
	}
	return nil
}

var jobModes = []string{"fail-fast", "defer-error", "defer-output"}
