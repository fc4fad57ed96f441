package print

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/planner"
)

// DOT prints the graph in the language of Graphviz
// (https://graphviz.org/doc/info/lang.html). Vertices that several targets
// share are filled, the critical path has a thick line, and every
// target points to what it ends in. The empty image is left out.
func DOT(w io.Writer, p *planner.Plan, opt Options) error {
	d := newDrawing(p, opt)
	out := bufio.NewWriter(w)
	out.WriteString("digraph plan {\n")
	out.WriteString("  rankdir=LR\n")
	out.WriteString("  node [shape=box style=\"rounded\" fontname=\"sans-serif\"]\n")
	out.WriteString("  edge [color=\"#777777\"]\n")
	for _, v := range d.drawn() {
		fmt.Fprintf(out, "  v%d [label=%s%s]\n", d.place[v.ID], dotString(d.label(v)), d.dotStyle(v))
	}
	for i, t := range d.Targets {
		fmt.Fprintf(out, "  t%d [label=%s shape=cds style=\"bold\"]\n", i, dotString(t.Name))
	}
	for _, e := range d.edges() {
		fmt.Fprintf(out, "  v%d -> v%d%s\n", e.from, e.to, dotEdges[e.why])
	}
	for i, t := range d.Targets {
		for _, n := range d.results(t) {
			fmt.Fprintf(out, "  v%d -> t%d [style=bold]\n", n, i)
		}
	}
	out.WriteString("}\n")
	return out.Flush()
}

var dotEdges = map[string]string{
	"base": "", "copy": " [style=dashed label=copy]", "mount": " [style=dotted label=mount]", "context": " [color=\"#bbbbbb\"]",
}

func (d *drawing) dotStyle(v *DocumentVertex) string {
	var styles []string
	s := ""
	if v.Kind == "stage" || v.Kind == "opaque" {
		styles = append(styles, "rounded")
	} else {
		s += " shape=note color=\"#777777\""
	}
	if len(v.Targets) > 1 {
		styles = append(styles, "filled")
		s += " fillcolor=\"#d6e6fa\""
	}
	if d.critical[v.ID] {
		s += " penwidth=2.5"
	}
	return s + " style=\"" + strings.Join(styles, ",") + "\""
}

// dotString quotes a text; a backslash would begin an escape.
func dotString(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}

// Mermaid prints the graph as a Mermaid flowchart
// (https://mermaid.js.org/syntax/flowchart.html), drawn as DOT draws it. Where
// it is shown, Mermaid draws no more than maxEdges (500) edges unless it is
// configured otherwise.
func Mermaid(w io.Writer, p *planner.Plan, opt Options) error {
	d := newDrawing(p, opt)
	out := bufio.NewWriter(w)
	out.WriteString("flowchart LR\n")
	for _, v := range d.drawn() {
		shape := [2]string{"[", "]"}
		if v.Kind != "stage" && v.Kind != "opaque" {
			shape = [2]string{"([", "])"}
		}
		fmt.Fprintf(out, "  v%d%s\"%s\"%s\n", d.place[v.ID], shape[0], mermaidText(d.label(v)), shape[1])
	}
	for i, t := range d.Targets {
		fmt.Fprintf(out, "  t%d>\"%s\"]\n", i, mermaidText(t.Name))
	}
	for _, e := range d.edges() {
		fmt.Fprintf(out, "  v%d %s v%d\n", e.from, mermaidEdges[e.why], e.to)
	}
	for i, t := range d.Targets {
		for _, n := range d.results(t) {
			fmt.Fprintf(out, "  v%d ==> t%d\n", n, i)
		}
	}
	d.mermaidClass(out, "shared", "fill:#d6e6fa,stroke:#3b6ea5,color:#10243a", func(v *DocumentVertex) bool { return len(v.Targets) > 1 })
	d.mermaidClass(out, "critical", "stroke-width:3px", func(v *DocumentVertex) bool { return d.critical[v.ID] })
	return out.Flush()
}

var mermaidEdges = map[string]string{"base": "-->", "copy": "-. copy .->", "mount": "-. mount .->", "context": "-->"}

// mermaidClass gives vertices a style.
func (d *drawing) mermaidClass(w io.Writer, name, style string, has func(*DocumentVertex) bool) {
	var nodes []string
	for _, v := range d.drawn() {
		if has(v) {
			nodes = append(nodes, fmt.Sprintf("v%d", d.place[v.ID]))
		}
	}
	if len(nodes) > 0 {
		fmt.Fprintf(w, "  classDef %s %s\n  class %s %s\n", name, style, strings.Join(nodes, ","), name)
	}
}

// mermaidText writes a text so that none of it is read as Mermaid, Markdown or
// HTML: as numeric entities, in Mermaid's spelling.
func mermaidText(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n':
			b.WriteString("<br/>")
		case strings.ContainsRune("#;\"<>&`*_\\{}[]()|~", r):
			fmt.Fprintf(&b, "#%d;", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// drawing is a document while it is drawn.
type drawing struct {
	*Document
	place    map[string]int
	critical map[string]bool
}

func newDrawing(p *planner.Plan, opt Options) *drawing {
	d := &drawing{Document: NewDocument(p, opt), place: map[string]int{}, critical: map[string]bool{}}
	for i, v := range d.Vertices {
		d.place[v.ID] = i
	}
	for _, id := range d.CriticalPath.Vertices {
		d.critical[id] = true
	}
	return d
}

// drawn lists what is shown of the vertices.
func (d *drawing) drawn() []*DocumentVertex {
	out := make([]*DocumentVertex, 0, len(d.Vertices))
	for i := range d.Vertices {
		if v := &d.Vertices[i]; v.Kind != "scratch" {
			out = append(out, v)
		}
	}
	return out
}

func (d *drawing) results(t DocumentTarget) []int {
	var out []int
	for _, r := range t.Results {
		if i := d.place[r.Vertex]; d.Vertices[i].Kind != "scratch" {
			out = append(out, i)
		}
	}
	return out
}

// label is what is written in a box.
func (d *drawing) label(v *DocumentVertex) string {
	s := printable(v.Name)
	switch v.Kind {
	case "stage":
		if s[0] >= '0' && s[0] <= '9' {
			s = "stage " + s
		}
		s += "\n" + termtext.Count(len(v.Steps), "step")
	case "opaque":
		s += "\n" + "read by the builder"
	default:
		s = v.Kind + "\n" + s
	}
	if v.Platform != "" {
		s += "\n" + v.Platform
	}
	if n := len(v.Targets); n > 1 {
		s += "\n" + fmt.Sprintf("%d targets", n)
	}
	return s
}

// drawnEdge is one line; several reasons of one kind are one line.
type drawnEdge struct {
	from, to int
	why      string
}

func (d *drawing) edges() []drawnEdge {
	var out []drawnEdge
	for i, v := range d.Vertices {
		seen := map[drawnEdge]bool{}
		for _, in := range v.Inputs {
			e := drawnEdge{d.place[in.Vertex], i, in.Why}
			if d.Vertices[e.from].Kind == "scratch" || seen[e] {
				continue
			}
			seen[e] = true
			out = append(out, e)
		}
	}
	return out
}
