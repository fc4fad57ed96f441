package runs

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/docker/go-units"

	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/record"
)

// Row is one run of a list.
type Row struct {
	ID string `json:"id"`
	// State is the record's, or unreadable.
	State    string         `json:"state"`
	Started  time.Time      `json:"started,omitzero"`
	Seconds  float64        `json:"seconds"`
	Args     []string       `json:"args,omitempty"`
	Builder  string         `json:"builder,omitempty"`
	Targets  []string       `json:"targets"`
	Counts   map[string]int `json:"counts"` // targets by their state
	Failed   []string       `json:"failed"`
	Imported bool           `json:"imported,omitempty"`
	Dir      string         `json:"dir"`
	Error    string         `json:"error,omitempty"` // why the record cannot be read
}

// List lists the newest runs of a store, at most so many; 0 is all of them.
func List(store record.Store, most int) []Row {
	all := store.Kept()
	if most > 0 {
		all = all[:min(most, len(all))]
	}
	out := []Row{}
	for _, k := range all {
		out = append(out, rowOf(k))
	}
	return out
}

func rowOf(k record.Kept) Row {
	r := Row{ID: k.ID, Imported: k.Imported, Dir: k.Dir, Targets: []string{}, Failed: []string{}, Counts: map[string]int{}}
	rec, err := k.Record()
	if err != nil {
		for errors.Unwrap(err) != nil {
			err = errors.Unwrap(err) // where it is, is in Dir
		}
		r.State, r.Error = "unreadable", err.Error()
		return r
	}
	r.State, r.Started, r.Seconds, r.Args, r.Builder = rec.State, rec.Started, rec.Seconds, rec.Args, rec.Builder
	for _, t := range rec.Targets {
		r.Targets = append(r.Targets, t.Name)
		r.Counts[t.State.String()]++
		if t.State == runner.Failed {
			r.Failed = append(r.Failed, t.Name)
		}
	}
	return r
}

// Print prints a list as a table.
func Print(w io.Writer, rows []Row, now time.Time) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "RUN\tSTARTED\tTIME\tTARGETS\tRESULT")
	for _, r := range rows {
		started, took := "", ""
		if !r.Started.IsZero() {
			started = units.HumanDuration(max(0, now.Sub(r.Started))) + " ago"
		}
		if r.State != "running" && r.Error == "" {
			took = seconds(r.Seconds)
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\n", r.ID, started, took, termtext.Line(r.targets()), termtext.Line(r.result()))
	}
	return tw.Flush()
}

// targets names the targets; of a record that cannot be read none is known.
func (r Row) targets() string {
	if r.Error != "" {
		return ""
	}
	return some(r.Targets, 3)
}

// result says in a few words how a run ended.
func (r Row) result() string {
	text := r.State
	switch r.State {
	case "unreadable":
		text = "unreadable: " + r.Error
	case "running":
		text = "not finished: it runs, or was killed"
	case "failed":
		text = fmt.Sprintf("%d failed: %s", len(r.Failed), some(r.Failed, 3))
		for _, s := range []runner.State{runner.Blocked, runner.Canceled, runner.Done} {
			if n := r.Counts[s.String()]; n > 0 {
				text += fmt.Sprintf("; %d %s", n, s)
			}
		}
	}
	if r.Imported {
		text += " (imported)"
	}
	return text
}

// some names the first few of a list.
func some(names []string, most int) string {
	if len(names) <= most+1 {
		return cmp.Or(strings.Join(names, ", "), "none")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(slices.Clone(names[:most]), ", "), len(names)-most)
}

func seconds(s float64) string { return termtext.Seconds(time.Duration(s * float64(time.Second))) }
