package facts

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/lazyregexp"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/digest"
	"github.com/orch-build/orch/planner/inputs"
	"github.com/orch-build/orch/planner/options"
)

// mostFiles is how many files a snapshot keeps, if nothing else is said.
const mostFiles = 200_000

// Created says when an image was made, by its name; nil knows none.
type Created func(ref, digest string) time.Time

// Take writes down what the digests of a plan were made of.
func Take(plan *planner.Plan, all *digest.Digests, created Created, opt Options) *Snapshot {
	t := &taking{
		Options: opt, all: all, created: created, left: cmp.Or(opt.Most, mostFiles), known: map[*inputs.Selection]int{}, parsed: map[*planner.Dockerfile]parsed{},
		snapshot: &Snapshot{Version: Version, Engine: opt.Engine, Platform: opt.Platform, Taken: opt.Now, Commit: opt.Commit, Targets: map[string]*Target{}},
	}
	for _, b := range plan.Builds {
		t.snapshot.Targets[b.Name()] = t.target(b)
	}
	return t.snapshot
}

type taking struct {
	Options
	all      *digest.Digests
	created  Created
	snapshot *Snapshot
	left     int // files that may still be kept
	known    map[*inputs.Selection]int
	parsed   map[*planner.Dockerfile]parsed
}

func (t *taking) target(b *planner.Build) *Target {
	d := t.all.Target(b)
	out := &Target{
		Image: d.Image, Publication: d.Publication, Linked: !b.Wanted, Attributes: map[string]Value{}, Published: map[string]Value{}, Args: map[string]Value{},
		Places: map[string]string{}, Images: map[string]Image{}, Ignores: map[string][]string{},
	}
	for _, o := range d.Open {
		out.Open = append(out.Open, t.mask(o.Text))
	}
	if b.Dockerfile != nil {
		out.Dockerfile = t.shown(b.Dockerfile.Name)
		out.Instructions = t.instructions(b)
	}
	t.attributes(out, b)
	for ref, dgst := range t.all.Images(b) {
		img := Image{Digest: dgst}
		if t.created != nil && dgst != "" {
			img.Created = t.created(ref, dgst)
		}
		out.Images[ref] = img
	}
	for _, name := range slices.Sorted(maps.Keys(b.Links)) {
		out.Links = append(out.Links, b.Links[name].Name())
	}
	out.Links = slices.Compact(slices.Sorted(slices.Values(out.Links)))
	for i, ops := range t.all.Operations(b) {
		p := Platform{Steps: t.steps(out, ops, stagesOf(b, i))}
		if i < len(d.Platforms) {
			p.ID = d.Platforms[i].ID
		}
		out.Platforms = append(out.Platforms, p)
	}
	return out
}

// shown is a path from the project.
func (t *taking) shown(path string) string {
	if rel, err := filepath.Rel(t.Dir, path); err == nil && filepath.IsAbs(path) {
		path = rel
	}
	return filepath.ToSlash(path)
}

// names are what build.hcl calls the frontend's options.
var names = map[string]string{
	"target": "target", "platform": "platforms", "force-network-mode": "network", "shm-size": "shm-size", "ulimit": "ulimits", "add-hosts": "extra-hosts",
	"no-cache": "no-cache", "memory": "memory", "memswap": "memory-swap", "cpusetcpus": "cpuset-cpus", "cpusetmems": "cpuset-mems",
	"cpushares": "cpu-shares", "cpuperiod": "cpu-period", "cpuquota": "cpu-quota",
}

// attributes writes down what a target says beside its Dockerfile.
func (t *taking) attributes(out *Target, b *planner.Build) {
	set := func(to map[string]Value, name, text string) { to[name] = t.value(name, text) }
	for key, text := range options.Of(b) {
		if arg, ok := strings.CutPrefix(key, "build-arg:"); ok {
			set(out.Args, arg, text)
			continue
		}
		if label, ok := strings.CutPrefix(key, "label:"); ok {
			set(out.Attributes, "labels."+label, text)
			continue
		}
		set(out.Attributes, cmp.Or(names[key], key), text)
	}
	c := b.Target
	set(out.Attributes, "context", t.context(b.Context, c.Context.Value))
	for name, v := range c.Contexts {
		text := v.Raw
		if l := b.Contexts[name]; l != nil {
			text = t.context(l, text)
		}
		set(out.Attributes, "contexts."+name, cmp.Or(text, v.Value))
	}
	t.ignores(out, b)
	t.credentials(out, b)
	if !b.Policies.Empty() {
		data, _ := json.Marshal(b.Policies.Policies) // it holds nothing that cannot be written
		set(out.Attributes, "policy", sum(string(data)))
	}
	published(out, c, set)
	t.places(out, c)
}

func (t *taking) context(l *planner.Local, otherwise string) string {
	if l == nil {
		return otherwise
	}
	text := t.shown(l.Dir)
	if l.GitModes {
		text += " with git's modes"
	}
	return text
}

func (t *taking) ignores(out *Target, b *planner.Build) {
	if b.Context != nil {
		out.Ignores[""] = b.Context.Excludes
	}
	for name, l := range b.Contexts {
		out.Ignores[name] = l.Excludes
	}
}

// credentials writes down which of the secrets and keys that steps ask for the
// target provides.
func (t *taking) credentials(out *Target, b *planner.Build) {
	given := map[string]bool{}
	for _, s := range b.Target.Secrets {
		given["secret "+s.ID] = !s.Unset
	}
	for _, s := range b.Target.SSH {
		given["ssh "+s.ID] = true
	}
	seen := map[*planner.Vertex]bool{}
	var visit func(v *planner.Vertex)
	visit = func(v *planner.Vertex) {
		if seen[v] {
			return
		}
		seen[v] = true
		for _, c := range v.Credentials {
			text := "not provided"
			if given[c.Kind+" "+c.ID] {
				text = "provided"
			}
			out.Attributes[c.Kind+" "+c.ID] = Value{Text: text}
		}
		for _, e := range v.Inputs {
			visit(e.From)
		}
	}
	for _, v := range b.Stages {
		visit(v)
	}
}

// published writes down what is made of the image.
func published(out *Target, c *config.Target, set func(map[string]Value, string, string)) {
	for _, a := range c.Annotations {
		name, text, _ := strings.Cut(a, "=")
		set(out.Published, "annotations."+name, text)
	}
	for _, a := range c.Attest {
		switch {
		case !a.Disabled:
			set(out.Published, "attest."+a.Type, attrs(a.Attrs))
		case a.Type == "provenance": // an image that is pushed has it otherwise
			set(out.Published, "attest."+a.Type, "disabled")
		}
	}
	set(out.Published, "tags", strings.Join(c.Tags, ", "))
	var outputs []string
	for _, o := range c.Outputs {
		outputs = append(outputs, strings.TrimSuffix("type="+o.Type+","+attrs(o.Attrs), ","))
	}
	set(out.Published, "output", strings.Join(outputs, "; "))
	for _, e := range c.CacheTo {
		if e.Type == "inline" {
			set(out.Published, "cache-to", "inline")
		}
	}
}

func attrs(m map[string]string) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if k != "type" {
			out = append(out, k+"="+m[k])
		}
	}
	return strings.Join(out, ",")
}

// places notes where attributes are written.
func (t *taking) places(out *Target, c *config.Target) {
	note := func(name, attr string) {
		if at := c.RangeOf(attr); at.Filename != "" && at.Start.Line > 0 {
			out.Places[name] = t.shown(at.Filename) + ":" + strconv.Itoa(at.Start.Line)
		}
	}
	for _, list := range []map[string]Value{out.Attributes, out.Published} {
		for name := range list {
			attr, _, _ := strings.Cut(name, ".")
			switch {
			case strings.HasPrefix(name, "contexts."):
				attr = name
			case strings.HasPrefix(name, "secret "):
				attr = "secret"
			case strings.HasPrefix(name, "ssh "):
				attr = "ssh"
			}
			note(name, attr)
		}
	}
	for name := range out.Args {
		note("args."+name, "args")
	}
}

// stagesOf finds the stages of a build for a platform by how its steps name them.
func stagesOf(b *planner.Build, platform int) map[string]*planner.Vertex {
	out := map[string]*planner.Vertex{}
	if platform >= len(b.Stages) {
		return out
	}
	seen := map[*planner.Vertex]bool{}
	for _, in := range b.Inputs {
		for _, v := range in.Stages {
			seen[v] = true
		}
	}
	stages := 0
	var visit func(v *planner.Vertex)
	visit = func(v *planner.Vertex) {
		if seen[v] {
			return
		}
		seen[v] = true
		for _, e := range v.Inputs {
			visit(e.From)
		}
		if v.Kind != planner.Stage {
			return
		}
		stages++
		out[""] = v
		for _, name := range append([]string{v.Name}, v.Names...) {
			if name != "" && strings.Trim(name, "0123456789") == "" {
				name = "stage-" + name
			}
			if out[strings.ToLower(name)] == nil {
				out[strings.ToLower(name)] = v
			}
		}
	}
	visit(b.Stages[platform])
	if stages != 1 {
		delete(out, "")
	}
	return out
}

// stepName is what BuildKit's frontend writes in front of a step.
var stepName = lazyregexp.New(`^\[(?:([^\]]*?) +)? *([0-9]+)/([0-9]+)\] (.*)$`)

func (t *taking) steps(target *Target, ops []digest.Operation, stages map[string]*planner.Vertex) []Step {
	out := make([]Step, len(ops))
	for i := range ops {
		op := &ops[i]
		s := Step{
			Kind: op.Kind, Source: t.mask(op.Source), Own: op.Own, Key: op.Key, Class: op.Class, NoCache: op.NoCache, Anew: op.Anew,
			Instruction: -1, Loose: op.Loose,
		}
		for _, kv := range op.Env {
			if name, _, _ := strings.Cut(kv, "="); Hidden(name) {
				kv = name
			}
			s.Env = append(s.Env, kv)
		}
		for _, in := range op.Inputs {
			s.Inputs = append(s.Inputs, Input{in.Place, in.Content})
		}
		for n := range op.Reads {
			r := &op.Reads[n]
			s.Reads = append(s.Reads, Reading{r.Context, query(r.Query), t.selection(r)})
		}
		s.Text = short(t.mask(op.Name))
		if m := stepName.FindStringSubmatch(op.Name); m != nil && (op.Kind == digest.KindRun || op.Kind == digest.KindFile) {
			s.Text = short(t.mask(m[4]))
			t.place(&s, m, stages)
		}
		s.Instruction = slices.IndexFunc(target.Instructions, func(in Instruction) bool { return in.Line <= op.Line && op.Line <= in.End })
		out[i] = s
	}
	return out
}

// place finds the stage of a step, from the parts of its name.
func (t *taking) place(s *Step, parts []string, stages map[string]*planner.Vertex) {
	name := ""
	for _, w := range strings.Fields(parts[1]) {
		if !strings.Contains(w, "/") {
			name = w
		}
	}
	s.Nth, _ = strconv.Atoi(parts[2])
	s.Of, _ = strconv.Atoi(parts[3])
	s.Stage = name
	if v := stages[strings.ToLower(name)]; v != nil {
		s.Vertex, s.Stage = v.ID, cmp.Or(name, v.Name)
	}
}

func query(q inputs.Query) string {
	text := q.Path
	if q.Wildcard {
		text += " *"
	}
	if len(q.Include)+len(q.Exclude) > 0 {
		text += fmt.Sprintf(" %q %q", q.Include, q.Exclude)
	}
	return text
}

// selection keeps what was found, once.
func (t *taking) selection(r *digest.Reading) int {
	if i, ok := t.known[r.Selection]; ok && r.Selection != nil {
		return i
	}
	s := Selection{Sum: r.Sum[:min(len(r.Sum), 16)], Dir: t.shown(r.Dir)}
	if r.Selection != nil {
		r.Each(func(f digest.Found) {
			size := f.Size
			if f.Folder {
				size = 0
			}
			s.Files = append(s.Files, File{f.Path, f.Sum, f.Mode, size, f.Same})
		})
	}
	if t.left -= len(s.Files); t.left < 0 {
		s.Files = nil
	}
	i := len(t.snapshot.Selections)
	t.snapshot.Selections = append(t.snapshot.Selections, s)
	t.known[r.Selection] = i
	return i
}
