package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
)

// slowest is how many of the slowest steps are named.
const slowest = 3

// worthNaming is the time below which a step or a path is not named.
const worthNaming = 100 * time.Millisecond

// printTotals prints the figures of a whole run, on a terminal of that many
// columns; 0 is none.
func printTotals(w io.Writer, r *runner.Report, width int) {
	c := r.Stages()
	parts := []string{fmt.Sprintf("%s: %d run, %d cached, %d shared", count(c.Run+c.Cached, "stage"), c.Run, c.Cached, c.Shared)}
	for _, p := range []struct {
		n    int64
		text string
	}{
		{r.Transfer.Sent, "sent to the builder"}, {r.Transfer.Pushed, "pushed"},
		{r.Transfer.CacheRead, "read from caches"}, {r.Transfer.CacheWritten, "written to caches"},
	} {
		if p.n > 0 {
			parts = append(parts, imageSize(p.n)+" "+p.text)
		}
	}
	if path, length := r.CriticalPath(); length >= worthNaming {
		var names []string
		for _, v := range path {
			names = append(names, stageName(v.Vertex))
		}
		parts = append(parts, fmt.Sprintf("critical path %s (%s)", seconds(length), strings.Join(names, " → ")))
	}
	fmt.Fprintln(w, joinWithin(parts, "; ", width))
	const heading = "Slowest steps: "
	var steps []string
	for _, s := range r.SlowestSteps(slowest) {
		if s.Took >= worthNaming {
			place := seconds(s.Took) + " " + stepPlace(s, len(r.Targets))
			room := 50
			if width > 0 {
				room = min(room, max(width-termtext.Width(heading+place+" ();"), 10))
			}
			steps = append(steps, fmt.Sprintf("%s (%s)", place, termtext.Clip(termtext.Line(s.Name), room)))
		}
	}
	if len(steps) > 0 {
		steps[0] = heading + steps[0]
		fmt.Fprintln(w, joinWithin(steps, "; ", width))
	}
}

// stageName is how a stage is called among others; one without a name has a
// number.
func stageName(v *planner.Vertex) string {
	if _, err := strconv.Atoi(v.Name); err == nil {
		return "stage-" + v.Name
	}
	return v.Name
}

// stepPlace says where a step is: in which target, if it is among several, and
// where in its stage.
func stepPlace(s *runner.StepReport, targets int) string {
	stage, _, _ := strings.Cut(s.Label, "/")
	unnamed := strings.Trim(stage, "0123456789") == ""
	if len(s.Targets) == 0 || targets < 2 && !unnamed {
		return s.Label
	}
	names := Names(s.Targets)
	if len(s.Targets) > 3 {
		names = count(len(s.Targets), "target")
	}
	return names + ": " + s.Label
}
