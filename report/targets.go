package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/go-units"

	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/runner"
)

// printTable shows the result of every target of a good run, on a terminal
// of that many columns; 0 is none.
func printTable(w io.Writer, r *runner.Report, width int) {
	fmt.Fprintln(w)
	printTargets(w, r.Targets, width)
	printEnd(w, r, width)
}

// printEnd says of a good run how long it took, and what it had to do.
func printEnd(w io.Writer, r *runner.Report, width int) {
	where := " on " + r.Builder
	if r.Builder == "" {
		where = ", nothing was built"
	}
	fmt.Fprintf(w, "\n%s in %s%s\n", count(len(r.Targets), "target"), seconds(r.Finished.Sub(r.Started)), where)
	if r.Builder == "" {
		return
	}
	printTotals(w, r, width)
	printMounts(w, r, width)
}

// manyTargets is how many rows a terminal is given of targets in which nothing is
// new.
const manyTargets = 20

// table shows the results of a good run. On a terminal, what nobody asked to see is
// left out: all rows if nothing is new, and those with nothing new if there are many.
func (p *Printer) table() {
	quiet := upToDate(p.Run)
	switch {
	case p.brief(quiet):
		fmt.Fprintf(p.Out, "\n%s up to date in %s on %s\n", count(quiet, "target"), seconds(p.Run.Finished.Sub(p.Run.Started)), p.Run.Builder)
	case p.Width > 0 && !p.Verbose && len(p.Run.Targets) > manyTargets && quiet > 0:
		news := *p.Run
		news.Targets = slices.DeleteFunc(slices.Clone(p.Run.Targets), isUpToDate)
		fmt.Fprintln(p.Out)
		printTargets(p.Out, news.Targets, p.Width)
		fmt.Fprintf(p.Out, "and %s up to date; --verbose lists them\n", count(quiet, "target"))
		printEnd(p.Out, p.Run, p.Width)
	default:
		printTable(p.Out, p.Run, p.Width)
	}
}

// brief says whether one line tells all, of a run with so many targets that are up
// to date.
func (p *Printer) brief(quiet int) bool {
	return p.Width > 0 && !p.Verbose && p.Run.Builder != "" && quiet == len(p.Run.Targets) && quiet > 0
}

// upToDate counts the targets of a run in which nothing is new.
func upToDate(r *runner.Report) int {
	n := 0
	for _, t := range r.Targets {
		if isUpToDate(t) {
			n++
		}
	}
	return n
}

func isUpToDate(t *runner.TargetReport) bool {
	return t.State == runner.Done && t.Result != nil && t.Result.Steps.Run == 0 && len(t.Attempts) < 2
}

// tableRow is the row of a target.
func tableRow(t *runner.TargetReport, form tableForm) []string {
	res := t.Result
	if res == nil {
		return []string{t.Name(), t.State.String(), none, none, none, none, none, none}
	}
	what := "built"
	if res.Steps.Run == 0 {
		what = "cached"
	}
	if s := res.Skipped; s != nil {
		what = skipped(s)
	}
	if n := len(t.Attempts); n > 1 {
		what += fmt.Sprintf(" (try %d)", n)
	}
	return []string{t.Name(), what, seconds(t.Took), cmp.Or(strings.Join(res.Builders, ", "), none), imageSize(res.ImageSize), smaller(res, form), ShortDigest(res.Digest), wentTo(t)}
}

// skipped says which build took the place of this one.
func skipped(s *runner.Skipped) string {
	run := "a build "
	if s.Run != "" {
		run = "run " + s.Run + " "
	}
	return fmt.Sprintf("skipped (equal to %sof %s)", run, s.Built.Local().Format("2006-01-02 15:04"))
}

// worthSaying is how many times smaller an image has to be for that to be said.
const worthSaying = 1.5

// smaller compares an image with the stage that its content was built in.
func smaller(res *runner.Result, form tableForm) string {
	if res.ImageSize <= 0 {
		return none
	}
	times := float64(res.BuildStageSize) / float64(res.ImageSize)
	if times < worthSaying {
		return none
	}
	text := strconv.FormatFloat(times, 'f', 0, 64)
	if times < 10 {
		text = strconv.FormatFloat(times, 'f', 1, 64)
	}
	if !form.stage || res.BuildStage == "" {
		return fmt.Sprintf("%sx (than %s)", text, imageSize(res.BuildStageSize))
	}
	return fmt.Sprintf("%sx (%s: %s)", text, res.BuildStage, imageSize(res.BuildStageSize))
}

func wentTo(t *runner.TargetReport) string {
	var out []string
	for _, o := range t.Result.Outputs {
		where := o.Where
		if o.Type == "registry" || o.Type == "image" {
			where = byDigest(where, t.Result.Unpublished)
		}
		if o.Job != "" {
			where += " (in the job of " + o.Job + ")"
		}
		out = append(out, where)
	}
	switch {
	case len(out) > 0:
		return strings.Join(out, ", ")
	case !t.Build.Wanted:
		return "(used by other targets)"
	}
	return "(build cache only)"
}

// byDigest are the names of an image, but of those that do not point to it yet
// the repositories: that is where it was pushed, under its digest.
func byDigest(names string, unmoved []runner.Tag) string {
	if len(unmoved) == 0 {
		return names
	}
	var out []string
	for name := range strings.SplitSeq(names, ",") {
		if slices.ContainsFunc(unmoved, func(t runner.Tag) bool { return sameName(t.Name, name) }) {
			name = repositoryOf(strings.TrimSpace(name)) + " (by digest)"
		}
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return strings.Join(out, ", ")
}

// sameName compares names of images: the builder completes those that leave out
// the registry or the tag.
func sameName(full, name string) bool {
	name = strings.TrimSpace(name)
	if repositoryOf(name) == name {
		name += ":latest"
	}
	return full == name || strings.HasSuffix(full, "/"+name) || full+":latest" == name
}

// repositoryOf is the name of an image without its tag.
func repositoryOf(name string) string {
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		return name[:i]
	}
	return name
}

// noOutput names the targets that were asked for and went nowhere.
func noOutput(r *runner.Report) []string {
	var out []string
	for _, t := range r.Targets {
		if t.State == runner.Done && t.Build.Wanted && len(t.Build.Target.Outputs) == 0 && (t.Result == nil || len(t.Result.Outputs) == 0) {
			out = append(out, t.Name())
		}
	}
	return out
}

func count(n int, noun string) string { return termtext.Count(n, noun) }

func seconds(d time.Duration) string { return termtext.Seconds(d) }

func imageSize(n int64) string {
	if n <= 0 {
		return none
	}
	return units.HumanSizeWithPrecision(float64(n), 3)
}

// ShortDigest is the beginning of a digest; "-" if there is none.
func ShortDigest(d string) string {
	algo, hex, ok := strings.Cut(d, ":")
	if !ok {
		return none
	}
	return algo + ":" + hex[:min(12, len(hex))]
}
