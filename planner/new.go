package planner

import (
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/containerd/platforms"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/config/policy"
	"github.com/orch-build/orch/internal/fault"
	"github.com/orch-build/orch/internal/framed"
	"github.com/orch-build/orch/internal/suggest"
	"github.com/orch-build/orch/planner/dockerfile"
)

// New plans a definition. With faults it returns them all, and a plan that
// holds only the Sources that diagnostics refer to.
func New(cfg *config.Config, opt Options) (*Plan, fault.Diagnostics) {
	p := newPlanner(cfg, opt)
	if p.setUp() {
		for _, t := range p.order() {
			p.build(t)
		}
		p.wireCaches()
	}
	if p.Diags.HasErrors() {
		return &Plan{Graph: &Graph{}, Sources: p.plan.Sources}, p.Diags
	}
	p.seal()
	for _, b := range p.plan.Builds {
		if b.Wanted {
			p.checkCall(b)
		}
	}
	if p.Diags.HasErrors() {
		return &Plan{Graph: &Graph{}, Sources: p.plan.Sources}, p.Diags
	}
	return p.plan, p.Diags
}

// knownCalls are the questions that BuildKit's frontend answers.
var knownCalls = []string{"build", "check", "lint", "outline", "targets", "subrequests.describe"}

// checkCall reports a question that BuildKit's frontend does not answer. Another
// frontend may have questions of its own.
func (p *planner) checkCall(b *Build) {
	call := b.Target.Call
	if call == "" || len(b.Stages) == 0 || b.Stages[0].Kind == Opaque || slices.Contains(knownCalls, call) {
		return
	}
	p.Fail(b.Target.RangeOf("call"), "Unknown method to call", "Target %q: there is no method to call %q; there are %s.%s",
		b.Name(), call, strings.Join(knownCalls, ", "), suggest.Sentence(call, knownCalls))
}

// planner is the plan while it is made.
type planner struct {
	fault.Report
	cfg      *config.Config
	opt      Options
	platform ocispecs.Platform // of the builder
	plan     *Plan
	nodes    map[string]*node
	builds   map[string]*Build

	targets map[string]*config.Target
	wanted  map[string]bool

	files   map[string]*file            // by path
	inlines map[string]*file            // by text
	texts   map[string]*dockerfile.File // by digest
	ignores map[string]ignoreFile       // by path
	dirs    map[string]error            // by path
	locals  map[string]*local           // by ID
	// localFor saves computing the same ID again.
	localFor map[localKey]*local
	ids      framed.Digest // of the stage at hand
	// unreached remembers what checkUnreached found.
	unreached map[unreachedKey]bool
	refs      map[string]imageName // as written
}

func newPlanner(cfg *config.Config, opt Options) *planner {
	p := &planner{
		cfg: cfg, opt: opt,
		plan:      &Plan{Graph: &Graph{}, Sources: map[string][]byte{}},
		nodes:     map[string]*node{},
		builds:    map[string]*Build{},
		targets:   map[string]*config.Target{},
		wanted:    map[string]bool{},
		files:     map[string]*file{},
		inlines:   map[string]*file{},
		texts:     map[string]*dockerfile.File{},
		ignores:   map[string]ignoreFile{},
		dirs:      map[string]error{},
		locals:    map[string]*local{},
		localFor:  map[localKey]*local{},
		unreached: map[unreachedKey]bool{},
		refs:      map[string]imageName{},
	}
	for _, t := range cfg.Targets {
		p.targets[t.Name] = withContextNames(t)
	}
	for _, name := range cfg.Chosen {
		p.wanted[name] = true
	}
	return p
}

// setUp reads the options.
func (p *planner) setUp() bool {
	if p.opt.Files == nil {
		p.opt.Files = Disk{}
	}
	if p.opt.Policies == nil {
		p.opt.Policies = (&policy.Finder{Files: p.opt.Files}).Find
	}
	if p.opt.Dir == "" {
		dir, err := os.Getwd()
		if err != nil {
			p.Fail(fault.Range{}, "No working directory", "Finding the working directory: %s.", err)
			return false
		}
		p.opt.Dir = dir
	}
	if p.opt.BuildPlatform == "" {
		p.platform = platforms.Normalize(platforms.DefaultSpec())
		return true
	}
	pl, err := platforms.Parse(p.opt.BuildPlatform)
	if err != nil {
		p.Fail(fault.Range{}, "Invalid build platform", "%q is not a platform: %s.", p.opt.BuildPlatform, err)
		return false
	}
	p.platform = platforms.Normalize(pl)
	return true
}

// build plans one target; the targets that it links to have been planned.
func (p *planner) build(t *config.Target) {
	b := &Build{Target: t, Wanted: p.wanted[t.Name]}
	ok := p.checkContexts(t)
	list := p.platforms(t)
	if !p.link(b) {
		ok = false
	}
	d, found := p.dockerfile(t)
	if !ok || !found {
		return
	}
	p.policies(b)
	if len(t.Platforms) > 0 {
		for _, pl := range list {
			b.Platforms = append(b.Platforms, platforms.FormatAll(pl))
		}
	}
	w := newWork(p, b, d)
	for _, pl := range list {
		if v := w.vertex(pl); v != nil {
			b.Stages = append(b.Stages, v)
		}
	}
	if len(b.Stages) != len(list) {
		return
	}
	p.builds[t.Name] = b
	p.plan.Builds = append(p.plan.Builds, b)
}

// policies finds the policies of a build, and keeps their text for messages.
func (p *planner) policies(b *Build) {
	set, diags := p.opt.Policies(b.Target)
	p.Diags = append(p.Diags, diags...)
	b.Policies = set
	for i := range set.Policies {
		for _, f := range set.Policies[i].Files {
			p.plan.Sources[f.Shown()] = f.Data
		}
	}
}

// platforms returns the platforms of a target, each once; the builder's if it
// names none.
func (p *planner) platforms(t *config.Target) []ocispecs.Platform {
	if len(t.Platforms) == 0 {
		return []ocispecs.Platform{p.platform}
	}
	var out []ocispecs.Platform
	seen := map[string]bool{}
	for _, one := range t.Platforms {
		pl := one.Platform
		if one.Builder {
			pl = p.platform
		}
		if key := platforms.FormatAll(pl); !seen[key] {
			seen[key] = true
			out = append(out, pl)
		}
	}
	return out
}

// link fills the links of a build. It returns false if one of them has a
// fault of its own, which has been reported.
func (p *planner) link(b *Build) bool {
	ok := true
	for _, name := range slices.Sorted(maps.Keys(b.Target.Contexts)) {
		c := b.Target.Contexts[name]
		if c.Kind != config.LinkedTarget {
			continue
		}
		in := p.builds[c.Value]
		if in == nil {
			ok = false
			continue
		}
		if b.Links == nil {
			b.Links = map[string]*Build{}
		}
		b.Links[name] = in
	}
	return ok
}

// seal puts the finished plan in order.
func (p *planner) seal() {
	place := map[*Build]int{}
	for i, b := range p.plan.Builds {
		place[b] = i
		b.Inputs = slices.Collect(maps.Values(b.Links))
		slices.SortFunc(b.Inputs, func(a, c *Build) int { return place[a] - place[c] })
		b.Inputs = slices.Compact(b.Inputs)
	}
	p.claim()
	p.plan.Graph.Vertices = p.sorted()
	for _, l := range p.locals {
		l.finish()
		p.plan.Locals = append(p.plan.Locals, l.Local)
	}
	slices.SortFunc(p.plan.Locals, func(a, b *Local) int {
		if c := strings.Compare(a.Dir, b.Dir); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
}

// order returns the targets in the order of their names, each after the
// targets that it links to. Every cycle is reported with its steps.
func (p *planner) order() []*config.Target {
	o := ordering{planner: p, state: map[string]int{}}
	for _, name := range slices.Sorted(maps.Keys(p.targets)) {
		if o.state[name] == 0 {
			o.visit(p.targets[name])
		}
	}
	return o.done
}

type ordering struct {
	*planner
	state map[string]int // 1 while on the path, 2 when done
	path  []*config.Target
	done  []*config.Target
}

func (o *ordering) visit(t *config.Target) {
	o.state[t.Name] = 1
	o.path = append(o.path, t)
	for _, name := range slices.Sorted(maps.Keys(t.Contexts)) {
		c := t.Contexts[name]
		if c.Kind != config.LinkedTarget {
			continue
		}
		at := ContextRange(t, "contexts."+name)
		next := o.targets[c.Value]
		switch {
		case next == nil:
			known := slices.Sorted(maps.Keys(o.targets))
			o.Fail(at, "Unknown target", "The context %q of target %q is the target %q, which does not exist.%s", name, t.Name, c.Value, suggest.Sentence(c.Value, known))
		case o.state[next.Name] == 1:
			o.cycle(next, at)
		case o.state[next.Name] == 0:
			o.visit(next)
		}
	}
	o.path = o.path[:len(o.path)-1]
	o.state[t.Name] = 2
	o.done = append(o.done, t)
}

func (o *ordering) cycle(start *config.Target, at fault.Range) {
	var steps []string
	for _, t := range o.path {
		if t == start || len(steps) > 0 {
			steps = append(steps, t.Name)
		}
	}
	steps = append(steps, start.Name)
	o.Fail(at, "Cycle of targets", "Each of these targets needs the next one first: %s. Take one of the links out.", strings.Join(steps, " -> "))
}
