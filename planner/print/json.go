package print

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/inputs"
)

// Options are what the printed forms of a plan need besides the plan.
type Options struct {
	// Times are from the last run; nil if none was recorded.
	Times planner.Times
	// Mask makes the values of sensitive variables unreadable; nil if there
	// are none.
	Mask func(string) string
	// Inputs are the digests of the plan, which Document then has; nil leaves
	// them out.
	Inputs *inputs.Inputs
}

func (o Options) mask(s string) string {
	if o.Mask == nil {
		return s
	}
	return o.Mask(s)
}

func (o Options) maskAll(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = o.mask(s)
	}
	return out
}

func (o Options) maskMap(m map[string]string) map[string]string {
	out := make(map[string]string, len(m))
	for k, v := range m {
		out[k] = o.mask(v)
	}
	return out
}

// JSON prints the plan as its Document.
func JSON(w io.Writer, p *planner.Plan, opt Options) error {
	if err := writeJSON(w, NewDocument(p, opt)); err != nil {
		return fmt.Errorf("printing the plan: %w", err)
	}
	return nil
}

// NewDocument returns the plan in the form that programs read.
func NewDocument(p *planner.Plan, opt Options) *Document {
	d := documenting{Plan: p, opt: opt, reach: p.Reached(), chains: p.Chains(opt.Times), layers: layers(p)}
	out := &Document{
		Version: DocumentVersion, Summary: summary(p), Order: waves(p),
		Targets:  make([]DocumentTarget, 0, len(p.Builds)),
		Vertices: make([]DocumentVertex, 0, len(p.Graph.Vertices)),
		Locals:   make([]DocumentLocal, 0, len(p.Locals)),
	}
	path := p.CriticalPath(opt.Times)
	out.CriticalPath = DocumentPath{
		Stages: len(path.Vertices), Vertices: ids(path.Vertices), Seconds: path.Time.Seconds(), Timed: path.Timed,
	}
	for _, b := range p.Builds {
		out.Targets = append(out.Targets, d.target(b))
	}
	for _, v := range p.Graph.Vertices {
		out.Vertices = append(out.Vertices, d.vertex(v))
	}
	for _, l := range p.Locals {
		out.Locals = append(out.Locals, DocumentLocal{
			Name: l.Name, Path: l.Dir, Excludes: some(l.Excludes), All: l.Paths == nil, Paths: some(l.Paths),
		})
	}
	return out
}

func summary(p *planner.Plan) DocumentSummary {
	s := DocumentSummary{Targets: len(p.Builds)}
	for _, v := range p.Graph.Vertices {
		if !v.Runs() {
			continue
		}
		s.Stages++
		s.SeparateStages += len(v.Targets)
		if v.Shared() {
			s.SharedStages++
		}
	}
	return s
}

// waves lists the targets by how many links are below them: those of one
// wave can be built at the same time.
func waves(p *planner.Plan) [][]string {
	level := map[*planner.Build]int{}
	waves := [][]string{}
	for _, b := range p.Builds {
		for _, in := range b.Inputs {
			level[b] = max(level[b], level[in]+1)
		}
		for len(waves) <= level[b] {
			waves = append(waves, nil)
		}
		waves[level[b]] = append(waves[level[b]], b.Name())
	}
	return waves
}

// layers measures for each vertex the longest way below it.
func layers(p *planner.Plan) map[*planner.Vertex]int {
	out := make(map[*planner.Vertex]int, len(p.Graph.Vertices))
	for _, v := range p.Graph.Vertices {
		n := 0
		for _, e := range v.Inputs {
			n = max(n, out[e.From]+1)
		}
		out[v] = n
	}
	return out
}

func ids(list []*planner.Vertex) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = v.ID
	}
	return out
}

// some returns a list that JSON shows as one.
func some(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// documenting is a plan while its document is made.
type documenting struct {
	*planner.Plan
	opt    Options
	reach  map[string][]*planner.Vertex
	chains planner.Chains
	layers map[*planner.Vertex]int
}

func (d *documenting) target(b *planner.Build) DocumentTarget {
	t := b.Target
	out := DocumentTarget{
		Name: t.Name, Description: t.Description, Wanted: b.Wanted, Stage: t.Stage, Dockerfile: d.opt.mask(t.Dockerfile),
		Vertices: ids(d.reach[t.Name]), After: []string{}, Reads: d.reads(b),
		Secrets: []string{}, SSH: []string{}, Tags: d.opt.maskAll(t.Tags),
		Outputs: d.entries(outputEntries(t.Outputs)), CacheFrom: d.entries(cacheEntries(b.CacheFrom)), CacheTo: d.entries(cacheEntries(destinations(d.Plan, b))),
		Attributes: d.plainMap(b),
	}
	if b.Dockerfile != nil {
		out.Dockerfile = b.Dockerfile.Name
	}
	out.Policies, out.PoliciesOff = documentPolicies(b.Policies)
	for _, v := range b.Stages {
		out.Results = append(out.Results, DocumentResult{Platform: v.Platform, Vertex: v.ID})
		c := d.chains[v]
		out.CriticalPath.Stages = max(out.CriticalPath.Stages, c.Stages)
		out.CriticalPath.Seconds = max(out.CriticalPath.Seconds, c.Known.Seconds())
	}
	for i, pl := range b.Platforms {
		out.Results[i].Platform = pl
	}
	if d.opt.Inputs != nil {
		out.DocumentDigest = documentDigest(d.opt.Inputs.Build(b))
	}
	for _, in := range b.Inputs {
		out.After = append(out.After, in.Name())
	}
	for _, s := range t.Secrets {
		out.Secrets = append(out.Secrets, s.ID)
	}
	for _, s := range t.SSH {
		out.SSH = append(out.SSH, s.ID)
	}
	return out
}

func (d *documenting) reads(b *planner.Build) []DocumentRead {
	out := readsOf(d.reach[b.Name()])
	for i := range out {
		out[i].Paths = d.opt.maskAll(out[i].Paths)
	}
	return out
}

func (d *documenting) entries(list []config.Entry) []DocumentEntry {
	out := make([]DocumentEntry, len(list))
	for i, e := range list {
		out[i] = DocumentEntry{Type: e.Type, Attributes: d.opt.maskMap(planner.PublicAttrs(e.Attrs))}
	}
	return out
}

func (d *documenting) vertex(v *planner.Vertex) DocumentVertex {
	out := DocumentVertex{
		ID: v.ID, Kind: v.Kind.String(), Name: d.opt.mask(v.Name), Platform: v.Platform, Layer: d.layers[v],
		Steps: []DocumentStep{}, Inputs: []DocumentInput{}, Args: d.opt.maskMap(v.Args.Map()), Targets: v.Targets,
	}
	if len(v.Names) > 1 {
		out.Names = v.Names
	}
	if v.Range.Start.Line > 0 {
		out.Place = &DocumentPlace{File: v.Range.Filename, Line: v.Range.Start.Line, EndLine: v.Range.End.Line}
	}
	for _, s := range v.Steps {
		out.Steps = append(out.Steps, DocumentStep{Text: d.opt.mask(s.Text), Line: s.Range.Start.Line, EndLine: s.Range.End.Line})
	}
	for _, m := range v.Mounts {
		out.Mounts = append(out.Mounts, DocumentMount{ID: d.opt.mask(m.ID), Target: d.opt.mask(m.Target), Sharing: m.Sharing, Line: m.Range.Start.Line})
	}
	for _, e := range v.Inputs {
		in := DocumentInput{Vertex: e.From.ID, Why: e.Why.String(), Line: e.Range.Start.Line}
		if e.Paths != nil {
			in.Paths = d.opt.maskAll(e.Paths)
		}
		out.Inputs = append(out.Inputs, in)
	}
	if took, ok := d.opt.Times[v.ID]; ok {
		seconds := took.Seconds()
		out.Seconds = &seconds
	}
	if d.opt.Inputs != nil {
		out.DocumentDigest = documentDigest(d.opt.Inputs.Vertex(v))
	}
	return out
}

// readsOf lists the directories that vertices take files from, with the paths
// in them.
func readsOf(vertices []*planner.Vertex) []DocumentRead {
	all := map[string]bool{}
	paths := map[string]map[string]bool{}
	for _, v := range vertices {
		for _, e := range v.Inputs {
			if e.From.Kind != planner.LocalContext {
				continue
			}
			dir := e.From.Name
			if paths[dir] == nil {
				paths[dir] = map[string]bool{}
			}
			all[dir] = all[dir] || e.Paths == nil || slices.Contains(e.Paths, ".")
			for _, p := range e.Paths {
				paths[dir][p] = true
			}
		}
	}
	out := []DocumentRead{}
	for _, dir := range slices.Sorted(maps.Keys(paths)) {
		read := DocumentRead{Directory: dir, All: all[dir], Paths: []string{}}
		if !read.All {
			read.Paths = slices.AppendSeq(read.Paths, maps.Keys(paths[dir]))
			slices.Sort(read.Paths)
		}
		out = append(out, read)
	}
	return out
}
