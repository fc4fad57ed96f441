package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/orch-build/orch/internal/output"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/embedded"
)

// littleSpace is how much free space on a disk, in bytes, makes it the one that
// is full: what did not fit may have been removed again by the time one looks.
const littleSpace = 64 << 20

// printFullDisks says, for failures because of a full disk, which disk that is
// and how to make room on it.
func printFullDisks(e *env, r *runner.Report, groups []*runner.FailureGroup) {
	if !slices.ContainsFunc(groups, func(g *runner.FailureGroup) bool { return g.DiskFull }) {
		return
	}
	fmt.Fprintln(e.stderr)
	if disks := fullOutputs(r); len(disks) > 0 {
		for _, d := range disks {
			fmt.Fprintf(e.stderr, "An output did not fit: %s. Make room there, or write elsewhere.\n", d)
		}
		return
	}
	if e.builtEmbedded(r) {
		printStateDisk(e, e.stderr)
	} else {
		fmt.Fprintf(e.stderr, "If it is the disk of the builder: 'orch builder prune' with the same --builder makes room there.\n")
	}
	for _, dir := range outputFolders(r) {
		if free, total, err := embedded.DiskSpace(dir); err == nil && free < littleSpace {
			fmt.Fprintf(e.stderr, "The disk of the outputs in %s has %s of %s free: make room there, or write elsewhere.\n", dir, size(free), size(total))
		}
	}
}

// fullOutputs says, for outputs that did not fit, what was free at that moment,
// before what was there of them was removed.
func fullOutputs(r *runner.Report) []string {
	var out []string
	for _, t := range r.Targets {
		var e *output.Error
		if errors.As(t.Err, &e) && e.Full != nil && !slices.Contains(out, e.Full.String()) {
			out = append(out, e.Full.String())
		}
	}
	return out
}

// builtEmbedded says whether a run was on the embedded builder.
func (e *env) builtEmbedded(r *runner.Report) bool { return r.Builder == embeddedName }

// printStateDisk says how full the disk is that holds the embedded builder.
func printStateDisk(e *env, w io.Writer) {
	state, err := embedded.DefaultStateDir(e.getenv)
	if err != nil {
		return
	}
	free, total, err := embedded.DiskSpace(state)
	if err != nil || free >= littleSpace {
		fmt.Fprintf(w, "The builder keeps its state in %s; 'orch builder prune' makes room there.\n", state)
		return
	}
	fmt.Fprintf(w, "The disk of the builder's state in %s has %s of %s free: 'orch builder prune' makes room,\n"+
		"ORCH_STATE_DIR names a folder on another disk.\n", state, size(free), size(total))
}

// outputFolders are those that targets write into, each once.
func outputFolders(r *runner.Report) []string {
	var out []string
	for _, t := range r.Targets {
		for _, o := range t.Build.Target.Outputs {
			if o.Dest == "" || o.Dest == "-" {
				continue
			}
			if dir := filepath.Dir(filepath.FromSlash(o.Dest)); !slices.Contains(out, dir) {
				out = append(out, dir)
			}
		}
	}
	return out
}
