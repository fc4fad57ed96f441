package print

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/orch-build/orch/internal/page"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/planner"
)

// HTML prints the plan as one page that needs nothing beside it: the graph in
// layers, a list of targets, and the Dockerfiles.
func HTML(w io.Writer, p *planner.Plan, opt Options) error {
	if err := page.Write(w, PageData(p, opt)); err != nil {
		return fmt.Errorf("printing the plan: %w", err)
	}
	return nil
}

// PageData is the plan as its page shows it, before anything has run.
func PageData(p *planner.Plan, opt Options) *page.Data {
	d := NewDocument(p, opt)
	out := &page.Data{Title: "orch plan", Heading: "orch plan", Sources: map[string][]string{}}
	vertices, targets := map[string]int{}, map[string]int{}
	for i, v := range d.Vertices {
		vertices[v.ID] = i
	}
	for i, t := range d.Targets {
		targets[t.Name] = i
	}
	for _, v := range d.Vertices {
		out.Vertices = append(out.Vertices, pageVertex(v, vertices, targets))
	}
	for i, group := range shapes(p) {
		for _, n := range group {
			for len(out.Targets) <= n {
				out.Targets = append(out.Targets, nil)
			}
			out.Targets[n] = pageTarget(d.Targets[n], i, vertices, targets)
		}
	}
	out.Critical = places(d.CriticalPath.Vertices, vertices)
	out.Facts = planFacts(d)
	for name, src := range p.Sources {
		lines := strings.Split(opt.mask(strings.ToValidUTF8(string(bytes.TrimSuffix(src, []byte("\n"))), "\uFFFD")), "\n")
		for i, l := range lines {
			lines[i] = page.Short(strings.TrimSuffix(l, "\r"))
		}
		out.Sources[name] = lines
	}
	return out
}

// places are the places of names in a list.
func places(names []string, at map[string]int) []int {
	out := []int{}
	for _, name := range names {
		if i, ok := at[name]; ok {
			out = append(out, i)
		}
	}
	return out
}

func pageVertex(v DocumentVertex, vertices, targets map[string]int) *page.Vertex {
	out := &page.Vertex{
		ID: v.ID, Kind: v.Kind, Name: v.Name, Names: v.Names, Platform: v.Platform, Layer: v.Layer, Targets: places(v.Targets, targets),
	}
	if v.Place != nil {
		out.Place = &page.Place{File: v.Place.File, Line: v.Place.Line, End: v.Place.EndLine}
	}
	for _, s := range v.Steps {
		out.Steps = append(out.Steps, s.Text)
	}
	for _, in := range v.Inputs {
		out.Inputs = append(out.Inputs, page.Input{Vertex: vertices[in.Vertex], Why: in.Why, Line: in.Line})
	}
	for _, name := range slices.Sorted(maps.Keys(v.Args)) {
		out.Args = append(out.Args, page.Fact{Name: name, Text: cmp.Or(v.Args[name], `""`)})
	}
	if v.Seconds != nil {
		out.Before = *v.Seconds
	}
	return out
}

func pageTarget(t DocumentTarget, shape int, vertices, targets map[string]int) *page.Target {
	out := &page.Target{
		Name: t.Name, Note: t.Description, Wanted: t.Wanted, Shape: shape,
		Vertices: places(t.Vertices, vertices), After: places(t.After, targets),
	}
	var platforms []string
	results := map[int]bool{}
	for _, r := range t.Results {
		platforms = append(platforms, r.Platform)
		if i, ok := vertices[r.Vertex]; ok && !results[i] {
			results[i] = true
			out.Results = append(out.Results, i)
		}
	}
	var reads []string
	for _, r := range t.Reads {
		what := strings.Join(r.Paths, " ")
		if r.All {
			what = "all of it"
		}
		reads = append(reads, r.Directory+": "+what)
	}
	length := termtext.Count(t.CriticalPath.Stages, "stage")
	if s := t.CriticalPath.Seconds; s > 0 {
		length += ", " + strconv.FormatFloat(s, 'f', 1, 64) + " s"
	}
	for _, f := range []page.Fact{
		{Name: "Dockerfile", Text: t.Dockerfile}, {Name: "stage", Text: t.Stage}, {Name: "platforms", Text: strings.Join(platforms, ", ")},
		{Name: "longest way", Text: length}, {Name: "reads", Text: strings.Join(reads, "; ")},
		{Name: "secrets", Text: strings.Join(t.Secrets, ", ")}, {Name: "ssh", Text: strings.Join(t.SSH, ", ")},
		{Name: "policies", Text: pagePolicies(t)}, {Name: "tags", Text: strings.Join(t.Tags, ", ")},
		{Name: "output", Text: pageEntries(t.Outputs)}, {Name: "cache from", Text: pageEntries(t.CacheFrom)}, {Name: "cache to", Text: pageEntries(t.CacheTo)},
	} {
		if f.Text != "" {
			out.Facts = append(out.Facts, f)
		}
	}
	return out
}

func pagePolicies(t DocumentTarget) string {
	var out []string
	for _, p := range t.Policies {
		text := strings.Join(p.Files, ", ")
		if p.BuiltIn {
			text = "the built-in policy"
		}
		if p.Strict {
			text += " (strict)"
		}
		if p.Unseen {
			text += " (if the context has it)"
		}
		out = append(out, text)
	}
	for _, name := range t.PoliciesOff {
		out = append(out, name+" (switched off)")
	}
	return strings.Join(out, ", ")
}

func pageEntries(list []DocumentEntry) string {
	var out []string
	for _, e := range list {
		text := "type=" + e.Type
		for _, name := range slices.Sorted(maps.Keys(e.Attributes)) {
			text += "," + name + "=" + e.Attributes[name]
		}
		out = append(out, text)
	}
	return strings.Join(out, " ")
}

func planFacts(d *Document) []page.Fact {
	facts := []page.Fact{
		{Name: "targets", Text: strconv.Itoa(d.Summary.Targets)}, {Name: "stages", Text: strconv.Itoa(d.Summary.Stages)},
		{Name: "shared", Text: strconv.Itoa(d.Summary.SharedStages)}, {Name: "built alone", Text: termtext.Count(d.Summary.SeparateStages, "stage")},
	}
	if len(d.Order) > 1 {
		facts = append(facts, page.Fact{Name: "waves", Text: strconv.Itoa(len(d.Order))})
	}
	return facts
}

// shapes puts targets of the same shape together, the most frequent first.
func shapes(p *planner.Plan) [][]int {
	reach := p.Reached()
	place := map[string]int{}
	out := [][]int{}
	for n, b := range p.Builds {
		key := shape(b, reach[b.Name()])
		i, ok := place[key]
		if !ok {
			i = len(out)
			place[key] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], n)
	}
	slices.SortStableFunc(out, func(a, b []int) int { return len(b) - len(a) })
	return out
}
