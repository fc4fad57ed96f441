package main

import (
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/docker/go-units"

	"github.com/orch-build/orch/runner"
)

// printTable shows what became of every target of a good run.
func printTable(w io.Writer, r *runner.Report) error {
	fmt.Fprintln(w)
	tw := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(tw, "TARGET\tRESULT\tTIME\tIMAGE\tSMALLER THAN ITS BUILD STAGE\tDIGEST\tWENT TO")
	for _, t := range r.Targets {
		fmt.Fprintln(tw, strings.Join(tableRow(t), "\t"))
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%s in %s on %s\n", count(len(r.Targets), "target"), seconds(r.Finished.Sub(r.Started)), r.Builder)
	printTotals(w, r)
	return nil
}

func tableRow(t *runner.TargetReport) []string {
	res := t.Result
	if res == nil {
		return []string{t.Name(), t.State.String(), "-", "-", "-", "-", "-"}
	}
	what := "built"
	if res.Steps.Run == 0 {
		what = "cached"
	}
	if n := len(t.Attempts); n > 1 {
		what += fmt.Sprintf(" (try %d)", n)
	}
	return []string{t.Name(), what, seconds(t.Took), imageSize(res.ImageSize), smaller(res), shortDigest(res.Digest), wentTo(t)}
}

// smaller compares an image with the stage that its content was built in.
func smaller(res *runner.Result) string {
	if res.ImageSize <= 0 || res.BuiltInSize <= res.ImageSize {
		return "-"
	}
	times := float64(res.BuiltInSize) / float64(res.ImageSize)
	text := strconv.FormatFloat(times, 'f', 0, 64)
	if times < 10 {
		text = strconv.FormatFloat(times, 'f', 1, 64)
	}
	return fmt.Sprintf("%sx (%s: %s)", text, res.BuiltIn, imageSize(res.BuiltInSize))
}

func wentTo(t *runner.TargetReport) string {
	var out []string
	for _, o := range t.Result.Outputs {
		out = append(out, o.Where)
	}
	switch {
	case len(out) > 0:
		return strings.Join(out, ", ")
	case !t.Build.Wanted:
		return "(used by other targets)"
	}
	return "(build cache only)"
}

// noOutput names the targets that were asked for and went nowhere.
func noOutput(r *runner.Report) []string {
	var out []string
	for _, t := range r.Targets {
		if t.State == runner.Done && t.Build.Wanted && len(t.Build.Target.Outputs) == 0 {
			out = append(out, t.Name())
		}
	}
	return out
}

// missingFile matches how BuildKit says that a COPY names a file that is not
// there.
var missingFile = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?:failed to compute cache key: )?failed to calculate checksum of ref \S+: "([^"]*)": not found`)
})

// plainError takes the layers that a remote call puts around an error off.
func plainError(err error) string {
	text := err.Error()
	text = missingFile().ReplaceAllString(text, `"$1" is not there, or an ignore file leaves it out`)
	for _, layer := range []string{"failed to run Build function: ", "failed to solve: ", "rpc error: code = Unknown desc = "} {
		text = strings.ReplaceAll(text, layer, "")
	}
	return text
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func seconds(d time.Duration) string {
	if d < 10*time.Second {
		return strconv.FormatFloat(d.Seconds(), 'f', 2, 64) + "s"
	}
	return d.Round(100 * time.Millisecond).String()
}

func imageSize(n int64) string {
	if n <= 0 {
		return "-"
	}
	return units.HumanSizeWithPrecision(float64(n), 3)
}

func shortDigest(d string) string {
	algo, hex, ok := strings.Cut(d, ":")
	if !ok {
		return "-"
	}
	return algo + ":" + hex[:min(12, len(hex))]
}
