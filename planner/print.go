package planner

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// TextOptions are the choices of Plan.Text.
type TextOptions struct {
	// Width is how many columns a line may have; 0 means 100. Names that are
	// longer than that stay whole.
	Width int
	// Color marks headings and names with ANSI sequences.
	Color bool
	// Fold puts targets of the same shape together when the plan has more
	// targets than this; 0 means 12, and a negative number never folds.
	Fold int
	FormatOptions
}

// String is the word for a kind in printed plans.
func (k Kind) String() string {
	switch k {
	case Stage:
		return "stage"
	case Image:
		return "image"
	case LocalContext:
		return "local"
	case RemoteContext:
		return "remote"
	case Opaque:
		return "opaque"
	default:
		return "scratch"
	}
}

// String is the word for a reason in printed plans.
func (w Why) String() string {
	switch w {
	case Base:
		return "base"
	case Copy:
		return "copy"
	case Mount:
		return "mount"
	default:
		return "context"
	}
}

// Text prints the plan for a terminal: what is shared and by whom, the longest
// chain of stages, the order of the builds, and what each target adds to what
// is shared.
func (p *Plan) Text(w io.Writer, opt TextOptions) error {
	if opt.Width <= 0 {
		opt.Width = 100
	}
	if opt.Fold == 0 {
		opt.Fold = 12
	}
	out := bufio.NewWriter(w)
	t := text{Plan: p, w: out, opt: opt, reach: p.reached()}
	t.home, t.several = p.home()
	t.head()
	t.shared()
	t.criticalPath()
	t.order()
	t.caches()
	t.targets()
	return out.Flush()
}

// reached lists for each target the vertices that it reaches, in the order of
// the graph.
func (p *Plan) reached() map[string][]*Vertex {
	out := make(map[string][]*Vertex, len(p.Builds))
	for _, v := range p.Graph.Vertices {
		for _, name := range v.Targets {
			out[name] = append(out[name], v)
		}
	}
	return out
}

// home is the platform that most vertices have, and whether there are others.
func (p *Plan) home() (platform string, several bool) {
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
	*Plan
	w       *bufio.Writer
	opt     TextOptions
	reach   map[string][]*Vertex
	home    string // the platform that goes without saying
	several bool   // platforms
}

// runs says whether a vertex is work, and not only something to read.
func runs(v *Vertex) bool { return v.Kind == Stage || v.Kind == Opaque }

func (t *text) head() {
	s := t.summary()
	line := fmt.Sprintf("%s, %s, %d shared", count(s.Targets, "target"), count(s.Stages, "stage"), s.SharedStages)
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

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

func (t *text) heading(s string) { fmt.Fprintf(t.w, "\n%s\n", t.paint(bold, s)) }

// maxShared is how many shared stages are listed one by one.
const maxShared = 24

// shared prints what two or more targets reach, most wanted first; sources
// that any build has, such as scratch, are left out.
func (t *text) shared() {
	var stages, sources []*Vertex
	for _, v := range t.Graph.Vertices {
		switch {
		case !v.Shared() || v.Kind == Scratch || v.Kind == LocalContext:
		case runs(v):
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
		rows = append(rows, [2]string{t.labels([]*Vertex{v}, green)[0], "by " + t.names(v.Targets, len(t.Builds))})
	}
	if n := len(stages) - maxShared; n > 0 {
		rows = append(rows, [2]string{fmt.Sprintf("%d more", n), "by " + strconv.Itoa(len(stages[maxShared].Targets)) + " targets or fewer"})
	}
	t.table(rows)
	if len(sources) > 0 {
		t.row(t.paint(dim, "sources"), len("sources"), t.counted(sources))
	}
}

func mostWanted(a, b *Vertex) int { return cmp.Compare(len(b.Targets), len(a.Targets)) }

// counted lists what several targets fetch, with how many they are.
func (t *text) counted(list []*Vertex) string {
	var out []string
	for _, v := range list[:min(len(list), maxShared)] {
		s := t.labels([]*Vertex{v}, "")[0]
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
	path := t.CriticalPath(t.opt.Times)
	if len(path.Vertices) < 2 {
		return
	}
	t.heading("Critical path")
	head := count(len(path.Vertices), "stage")
	if path.Timed > 0 {
		head += ", " + seconds(path.Time)
		if n := len(path.Vertices) - path.Timed; n > 0 {
			head += fmt.Sprintf(" and %d never timed", n)
		}
	}
	var steps []string
	for _, v := range path.Vertices {
		name := t.printable(v.Name)
		if v.Kind == Stage && isNumber(v.Name) {
			name = "stage " + name
		}
		if took, ok := t.opt.Times[v.ID]; ok {
			name += " (" + seconds(took) + ")"
		}
		steps = append(steps, unbroken(name))
	}
	t.row(head, runeLen(head), strings.Join(steps, " "+t.paint(dim, "→")+" "))
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
	for i, names := range t.waves() {
		rows = append(rows, [2]string{t.paint(dim, strconv.Itoa(i+1)), t.names(names, -1)})
	}
	t.table(rows)
}
