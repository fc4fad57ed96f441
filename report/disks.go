package report

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/docker/go-units"

	"github.com/orch-build/orch/internal/output"
	"github.com/orch-build/orch/runner"
)

// littleSpace is how much free space on a disk, in bytes, makes it the one that
// is full: what did not fit may have been removed again by the time one looks.
const littleSpace = 64 << 20

// fullDisks says, for failures because of a full disk, which disk that is and
// how to make room on it.
func (p *Printer) fullDisks(groups []*runner.FailureGroup) {
	var outputs []string
	builder := false
	for _, g := range groups {
		if !g.DiskFull {
			continue
		}
		if d := fullOutput(g.Err); d == "" {
			builder = true
		} else if !slices.Contains(outputs, d) {
			outputs = append(outputs, d)
		}
	}
	if len(outputs) == 0 && !builder {
		return
	}
	fmt.Fprintln(p.Out)
	for _, d := range outputs {
		fmt.Fprintf(p.Out, "An output did not fit: %s. Make room there, or write elsewhere.\n", d)
	}
	if !builder {
		return
	}
	if p.StateDir != "" {
		p.stateDisk()
	} else {
		fmt.Fprintf(p.Out, "If it is the disk of the builder: 'orch builder prune' with the same --builder makes room there.\n")
	}
	for _, dir := range outputFolders(p.Run) {
		if d := output.DiskOf(dir); d != nil && d.Free < littleSpace {
			fmt.Fprintf(p.Out, "The disk of the outputs in %s has %s of %s free: make room there, or write elsewhere.\n", dir, size(d.Free), size(d.Total))
		}
	}
}

// fullOutput says of an output that did not fit what was free at that moment,
// before what was there of it was removed; "" if that is not what an error is.
func fullOutput(err error) string {
	var e *output.Error
	switch {
	case !errors.As(err, &e) || !output.IsFull(e):
		return ""
	case e.Full == nil:
		return "the disk of " + output.Show(e.Name) + " is full"
	}
	return e.Full.String()
}

// stateDisk says how full the disk is that holds the embedded builder.
func (p *Printer) stateDisk() {
	d := output.DiskOf(p.StateDir)
	if d == nil || d.Free >= littleSpace {
		fmt.Fprintf(p.Out, "The builder keeps its state in %s; 'orch builder prune' makes room there.\n", p.StateDir)
		return
	}
	fmt.Fprintf(p.Out, "The disk of the builder's state in %s has %s of %s free: 'orch builder prune' makes room,\n"+
		"ORCH_STATE_DIR names a folder on another disk.\n", p.StateDir, size(d.Free), size(d.Total))
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

func size(n int64) string { return units.HumanSize(float64(n)) }
