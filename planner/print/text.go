// Package print writes a plan down: as text for a terminal, as the document that
// programs read, as graphs for Graphviz and Mermaid, and as a page of HTML. It
// also prints what the stages of a plan read, and their digests.
//
// It knows plans that are finished and writers, and nothing of how a plan is
// made or run, nor of terminals: the caller decides on widths and colours.
package print

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/planner"
)

// TextOptions are the choices of Text.
type TextOptions struct {
	// Width is how many columns a line may have; 0 means 100. Names that are
	// longer than that stay whole.
	Width int
	// Color marks headings and names with ANSI sequences.
	Color bool
	// Fold puts targets of the same shape together when the plan has more
	// targets than this; 0 means 12, and a negative number never folds.
	Fold int
	Options
}

// Text prints the plan for a terminal: what is shared and by whom, the longest
// chain of stages, the order of the builds, and what each target adds to what
// is shared.
func Text(w io.Writer, p *planner.Plan, opt TextOptions) error {
	if opt.Width <= 0 {
		opt.Width = 100
	}
	if opt.Fold == 0 {
		opt.Fold = 12
	}
	out := bufio.NewWriter(w)
	t := text{Plan: p, w: out, opt: opt, reach: p.Reached()}
	t.home, t.several = home(p)
	t.head()
	t.shared()
	t.criticalPath()
	t.order()
	t.caches()
	t.targets()
	return out.Flush()
}

// home is the platform that most vertices have, and whether there are others.
func home(p *planner.Plan) (platform string, several bool) {
	counts := map[string]int{}
	for _, v := range p.Graph.Vertices {
		if v.Platform != "" {
			counts[v.Platform]++
		}
	}
	for pl, n := range counts {
		if m := counts[platform]; n > m || n == m && pl < platform {
			platform = pl
		}
	}
	return platform, len(counts) > 1
}

// text is a plan while it is printed.
type text struct {
	*planner.Plan
	w       *bufio.Writer
	opt     TextOptions
	reach   map[string][]*planner.Vertex
	home    string // the platform that goes without saying
	several bool   // platforms
}

func (t *text) head() {
	s := summary(t.Plan)
	line := fmt.Sprintf("%s, %s, %d shared", termtext.Count(s.Targets, "target"), termtext.Count(s.Stages, "stage"), s.SharedStages)
	if s.SeparateStages > s.Stages {
		line += fmt.Sprintf(" (%d if each target were built alone)", s.SeparateStages)
	}
	if t.several {
		line += "; for " + t.home + " unless said otherwise"
	}
	for _, l := range wrap(line, t.opt.Width) {
		fmt.Fprintln(t.w, l)
	}
}

func (t *text) heading(s string) { fmt.Fprintf(t.w, "\n%s\n", t.paint(bold, s)) }

// maxShared is how many shared stages are listed one by one.
const maxShared = 24

// shared prints what two or more targets reach, most wanted first; sources
// that any build has, such as scratch, are left out.
func (t *text) shared() {
	var stages, sources []*planner.Vertex
	for _, v := range t.Graph.Vertices {
		switch {
		case !v.Shared() || v.Kind == planner.Scratch || v.Kind == planner.LocalContext:
		case v.Runs():
			stages = append(stages, v)
		default:
			sources = append(sources, v)
		}
	}
	if len(stages)+len(sources) == 0 {
		return
	}
	t.heading("Shared")
	slices.SortStableFunc(stages, mostWanted)
	slices.SortStableFunc(sources, mostWanted)
	var rows [][2]string
	for _, v := range stages[:min(len(stages), maxShared)] {
		rows = append(rows, [2]string{t.labels([]*planner.Vertex{v}, green)[0], "by " + t.names(v.Targets, len(t.Builds))})
	}
	if n := len(stages) - maxShared; n > 0 {
		rows = append(rows, [2]string{fmt.Sprintf("%d more", n), "by " + strconv.Itoa(len(stages[maxShared].Targets)) + " targets or fewer"})
	}
	t.table(rows)
	if len(sources) > 0 {
		t.row(t.paint(dim, "sources"), len("sources"), t.counted(sources))
	}
}

func mostWanted(a, b *planner.Vertex) int { return cmp.Compare(len(b.Targets), len(a.Targets)) }

// counted lists what several targets fetch, with how many they are.
func (t *text) counted(list []*planner.Vertex) string {
	var out []string
	for _, v := range list[:min(len(list), maxShared)] {
		s := t.labels([]*planner.Vertex{v}, "")[0]
		if len(v.Targets) < len(t.Builds) {
			s += unbroken(fmt.Sprintf(" (%d targets)", len(v.Targets)))
		}
		out = append(out, s)
	}
	if n := len(list) - maxShared; n > 0 {
		out = append(out, fmt.Sprintf("%d more", n))
	}
	return strings.Join(out, ", ")
}

// criticalPath prints the chain that a build cannot be shorter than.
func (t *text) criticalPath() {
	path := t.Plan.CriticalPath(t.opt.Times)
	if len(path.Vertices) < 2 {
		return
	}
	t.heading("Critical path")
	head := termtext.Count(len(path.Vertices), "stage")
	if path.Timed > 0 {
		head += ", " + seconds(path.Time)
		if n := len(path.Vertices) - path.Timed; n > 0 {
			head += fmt.Sprintf(" and %d never timed", n)
		}
	}
	var steps []string
	for _, v := range path.Vertices {
		name := t.printable(v.Name)
		if v.Unnamed() {
			name = "stage " + name
		}
		if took, ok := t.opt.Times[v.ID]; ok {
			name += " (" + seconds(took) + ")"
		}
		steps = append(steps, unbroken(name))
	}
	t.row(head, termtext.Width(head), strings.Join(steps, " "+t.paint(dim, "→")+" "))
}

// seconds writes a duration as people say it.
func seconds(d time.Duration) string {
	if d < time.Minute {
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + "s"
	}
	return d.Round(time.Second).String()
}

// names joins the names of targets, or counts them when they are many.
func (t *text) names(names []string, all int) string {
	const most = 6
	switch {
	case len(names) == all && all > 2:
		return fmt.Sprintf("all %d targets", all)
	case len(names) > most:
		return fmt.Sprintf("%d targets: %s … %s", len(names), strings.Join(names[:3], ", "), names[len(names)-1])
	}
	return strings.Join(names, ", ")
}

// order prints which builds can go at the same time, where some wait for
// others.
func (t *text) order() {
	t.heading("Order")
	var rows [][2]string
	for i, names := range waves(t.Plan) {
		rows = append(rows, [2]string{t.paint(dim, strconv.Itoa(i+1)), t.names(names, -1)})
	}
	t.table(rows)
}
