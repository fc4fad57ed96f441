package planner

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
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

// Text prints the plan for a terminal: what is shared and by whom, the order
// of the builds, and what each target adds to what is shared.
func (p *Plan) Text(w io.Writer, opt TextOptions) error {
	if opt.Width <= 0 {
		opt.Width = 100
	}
	if opt.Fold == 0 {
		opt.Fold = 12
	}
	out := bufio.NewWriter(w)
	t := text{Plan: p, w: out, opt: opt, reach: p.reached(), several: p.severalPlatforms()}
	t.summary()
	t.shared()
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

// text is a plan while it is printed.
type text struct {
	*Plan
	w       *bufio.Writer
	opt     TextOptions
	reach   map[string][]*Vertex
	several bool // platforms
}

// runs says whether a vertex is work, and not only something to read.
func runs(v *Vertex) bool { return v.Kind == Stage || v.Kind == Opaque }

func (t *text) summary() {
	stages, shared := 0, 0
	for _, v := range t.Graph.Vertices {
		if runs(v) {
			stages++
			if v.Shared() {
				shared++
			}
		}
	}
	fmt.Fprintf(t.w, "%s, %s, %d shared\n", count(len(t.Builds), "target"), count(stages, "stage"), shared)
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

func (t *text) heading(s string) { fmt.Fprintf(t.w, "\n%s\n", t.paint("1", s)) }

// paint marks a string for a terminal.
func (t *text) paint(code, s string) string {
	if !t.opt.Color {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// shared prints what two or more targets reach, most wanted first; sources
// that any build has, such as scratch, are left out.
func (t *text) shared() {
	var rows [][2]string
	var vertices []*Vertex
	for _, v := range t.Graph.Vertices {
		if v.Shared() && v.Kind != Scratch && v.Kind != LocalContext {
			vertices = append(vertices, v)
		}
	}
	if len(vertices) == 0 {
		return
	}
	slices.SortStableFunc(vertices, func(a, b *Vertex) int { return cmp.Compare(len(b.Targets), len(a.Targets)) })
	t.heading("Shared")
	for _, v := range vertices {
		rows = append(rows, [2]string{t.labels([]*Vertex{v})[0], "by " + t.names(v.Targets, len(t.Builds))})
	}
	t.table(rows)
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

// space is a space at which no line is folded.
const space = "\u00a0"

// label is a vertex with its kind and its work.
func (t *text) label(v *Vertex) string {
	name := v.Name
	switch {
	case v.Kind == Opaque:
		name += " (read by the builder)"
	case v.Kind != Stage:
		name = v.Kind.String() + " " + name
	default:
		if name[0] >= '0' && name[0] <= '9' {
			name = "stage " + name
		}
		name += " (" + count(len(v.Steps), "step") + ")"
	}
	return strings.ReplaceAll(name, " ", space)
}

// labels lists vertices; those that differ in platforms and arguments only
// come together.
func (t *text) labels(vertices []*Vertex) []string {
	var names []string
	on := map[string][]string{}
	for _, v := range vertices {
		name := t.label(v)
		if _, ok := on[name]; !ok {
			names = append(names, name)
		}
		on[name] = append(on[name], v.Platform)
	}
	for i, name := range names {
		names[i] += t.platformText(on[name])
	}
	return names
}

// platformText is " on linux/amd64+linux/arm64", or how many there are of one.
func (t *text) platformText(list []string) string {
	s := ""
	if distinct := sortedUnique(slices.Clone(list)); t.several && distinct[0] != "" {
		s = space + "on" + space + strings.Join(distinct, "+")
	}
	if n := len(list); n > 1 && len(sortedUnique(slices.Clone(list))) < n {
		s += space + "×" + strconv.Itoa(n)
	}
	return s
}

// severalPlatforms says whether platforms tell the vertices apart.
func (p *Plan) severalPlatforms() bool {
	first := ""
	for _, v := range p.Graph.Vertices {
		if v.Platform == "" {
			continue
		}
		if first == "" {
			first = v.Platform
		}
		if v.Platform != first {
			return true
		}
	}
	return false
}

// order prints which builds can go at the same time, where some wait for
// others.
func (t *text) order() {
	level := map[*Build]int{}
	var waves [][]string
	for _, b := range t.Builds {
		for _, in := range b.Inputs {
			level[b] = max(level[b], level[in]+1)
		}
		for len(waves) <= level[b] {
			waves = append(waves, nil)
		}
		waves[level[b]] = append(waves[level[b]], b.Name())
	}
	t.heading("Order")
	var rows [][2]string
	for i, names := range waves {
		rows = append(rows, [2]string{strconv.Itoa(i + 1), t.names(names, -1)})
	}
	t.table(rows)
}

// targets prints each target, those of the same shape together when they are
// many.
func (t *text) targets() {
	t.heading("Targets")
	for _, group := range t.groups() {
		t.target(group)
	}
}

// groups puts builds of the same shape together, in the order of the plan.
func (t *text) groups() [][]*Build {
	fold := t.opt.Fold >= 0 && len(t.Builds) > t.opt.Fold
	place := map[string]int{}
	var out [][]*Build
	for _, b := range t.Builds {
		key := b.Name()
		if fold {
			key = t.shape(b)
		}
		i, ok := place[key]
		if !ok {
			i = len(out)
			place[key] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], b)
	}
	return out
}

// shape is equal for targets that differ in names and texts only: the same
// shared vertices, as many own stages with as many steps, the same platforms,
// kinds of outputs and caches.
func (t *text) shape(b *Build) string {
	var s []string
	for _, v := range t.reach[b.Name()] {
		if v.Shared() {
			s = append(s, v.ID)
		} else {
			s = append(s, fmt.Sprint(v.Kind, len(v.Steps), v.Platform))
		}
	}
	slices.Sort(s)
	s = append(s, fmt.Sprint(b.Wanted, b.Platforms, len(b.Target.Tags) > 0))
	for _, in := range b.Inputs {
		s = append(s, in.Name())
	}
	for _, list := range entries(b) {
		for _, e := range list {
			s = append(s, e.Type)
		}
		s = append(s, "")
	}
	return strings.Join(s, "\n")
}

// table prints rows of two columns, folding the second one at the width.
func (t *text) table(rows [][2]string) {
	left := 0
	for _, r := range rows {
		left = max(left, runeLen(r[0]))
	}
	left = min(left, t.opt.Width/2)
	for _, r := range rows {
		t.row(r[0], left, r[1])
	}
}

func (t *text) row(head string, left int, value string) {
	pad := strings.Repeat(" ", max(left-runeLen(head), 0))
	for i, line := range wrap(value, t.opt.Width-left-4) {
		if i > 0 {
			head, pad = "", strings.Repeat(" ", left)
		}
		fmt.Fprintf(t.w, "  %s%s  %s\n", t.paint("2", plain(head)), pad, plain(line))
	}
}

func plain(s string) string { return strings.ReplaceAll(s, space, " ") }

func runeLen(s string) int { return len([]rune(s)) }

// wrap folds a text at its spaces.
func wrap(s string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.FieldsFunc(s, func(r rune) bool { return r == ' ' }) {
		switch {
		case line == "":
			line = word
		case runeLen(line)+1+runeLen(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	return append(lines, line)
}
