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
)

// New plans a definition. With faults it returns them all, and a plan that
// holds only the Sources that diagnostics refer to.
func New(cfg *config.Config, opt Options) (*Plan, fault.Diagnostics) {
	opt, platform, wrong := opt.complete()
	if wrong != nil {
		return &Plan{Graph: &Graph{}, Sources: map[string][]byte{}}, fault.Diagnostics{wrong}
	}
	p := &planner{opt: opt, parts: newParts(opt, platform), builds: map[string]*Build{}, wanted: map[string]bool{}}
	p.plan = &Plan{Graph: &Graph{}, Platform: platform, Lock: cfg.Lock, Sources: p.parts.reading.sources, Sensitive: len(cfg.Sensitive()) > 0}
	faults := &p.parts.faults
	for _, name := range cfg.Chosen {
		p.wanted[name] = true
	}
	targets := map[string]*config.Target{}
	for _, t := range cfg.Targets {
		targets[t.Name] = withContextNames(t)
	}
	for _, t := range order(targets, faults) {
		p.build(t)
	}
	p.plan.Caches, p.plan.CacheImages = wireCaches(p.plan.Builds, opt.Dir, faults)
	if !faults.Diags.HasErrors() {
		p.seal()
		checkCalls(p.plan.Builds, faults)
	}
	p.findCredentials()
	if faults.Diags.HasErrors() {
		return &Plan{Graph: &Graph{}, Sources: p.plan.Sources, Credentials: p.plan.Credentials}, faults.Diags
	}
	return p.plan, faults.Diags
}

// findCredentials notes the credentials in URLs of the Dockerfiles: as they are
// written, and as they are once arguments have their values.
func (p *planner) findCredentials() {
	var texts []string
	for _, name := range slices.Sorted(maps.Keys(p.plan.Sources)) {
		texts = append(texts, string(p.plan.Sources[name]))
	}
	for _, v := range p.plan.Graph.Vertices {
		if v.Kind == RemoteContext {
			texts = append(texts, v.Name)
		}
	}
	p.plan.Credentials = config.Credentials(texts...)
	p.plan.Sensitive = p.plan.Sensitive || len(p.plan.Credentials) > 0
}

// knownCalls are the questions that BuildKit's frontend answers.
var knownCalls = []string{"build", "check", "lint", "outline", "targets", "subrequests.describe"}

// checkCalls reports questions that BuildKit's frontend does not answer. Another
// frontend may have questions of its own.
func checkCalls(builds []*Build, faults *fault.Report) {
	for _, b := range builds {
		call := b.Target.Call
		if !b.Wanted || call == "" || len(b.Stages) == 0 || b.Stages[0].Kind == Opaque || slices.Contains(knownCalls, call) {
			continue
		}
		faults.Fail(b.Target.RangeOf("call"), "Unknown method to call", "Target %q: there is no method to call %q; there are %s.%s",
			b.Name(), call, strings.Join(knownCalls, ", "), suggest.Sentence(call, knownCalls))
	}
}

// planner is the plan while it is made.
type planner struct {
	opt    Options
	plan   *Plan
	parts  *parts
	builds map[string]*Build
	wanted map[string]bool
}

// parts are what the targets of a plan share, each with a job of its own: the
// faults that were found, what is read of this machine, the folders, the vertices.
type parts struct {
	faults   fault.Report
	platform ocispecs.Platform // of the builder
	reading  *reading
	vertices *vertices
	folders  *folders
	ids      framed.Digest // of the stage at hand
	// unreached remembers what checkUnreached found.
	unreached map[unreachedKey]bool
}

func newParts(opt Options, platform ocispecs.Platform) *parts {
	ps := &parts{platform: platform, unreached: map[unreachedKey]bool{}}
	ps.vertices = newVertices()
	ps.reading = newReading(opt.Files, &ps.faults)
	ps.folders = newFolders(opt.Dir, &ps.faults, ps.reading, ps.vertices)
	return ps
}

// complete fills in what the options leave out, and reads the platform of the
// builder.
func (o Options) complete() (Options, ocispecs.Platform, *fault.Diagnostic) {
	var report fault.Report
	if o.Files == nil {
		o.Files = Disk{}
	}
	if o.Policies == nil {
		o.Policies = (&policy.Finder{Files: o.Files}).Find
	}
	if o.Dir == "" {
		dir, err := os.Getwd()
		if err != nil {
			report.Fail(fault.Range{}, "No working directory", "Finding the working directory: %s.", err)
			return o, ocispecs.Platform{}, report.Diags[0]
		}
		o.Dir = dir
	}
	if o.BuildPlatform == "" {
		return o, platforms.Normalize(platforms.DefaultSpec()), nil
	}
	pl, err := config.ParsePlatform(o.BuildPlatform)
	if err != nil {
		report.Fail(fault.Range{}, "Invalid build platform", "%s.", err)
		return o, ocispecs.Platform{}, report.Diags[0]
	}
	return o, pl, nil
}

// build plans one target; the targets that it links to have been planned.
func (p *planner) build(t *config.Target) {
	b := &Build{Target: t, Wanted: p.wanted[t.Name]}
	ok := p.parts.reading.checkContexts(t)
	list := platformsOf(t, p.parts.platform)
	if !link(b, p.builds) {
		ok = false
	}
	d, found := p.parts.reading.dockerfile(t)
	if !ok || !found {
		return
	}
	p.policies(b)
	if len(t.Platforms) > 0 {
		b.Specs = list
		for _, pl := range list {
			b.Platforms = append(b.Platforms, platforms.FormatAll(pl))
		}
	}
	w := newWork(p.parts, b, d)
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
	p.parts.faults.Diags = append(p.parts.faults.Diags, diags...)
	b.Policies = set
	for i := range set.Policies {
		for _, f := range set.Policies[i].Files {
			p.plan.Sources[f.Shown()] = f.Data
		}
	}
}

// platformsOf returns the platforms of a target, each once; the builder's if it
// names none.
func platformsOf(t *config.Target, builder ocispecs.Platform) []ocispecs.Platform {
	if len(t.Platforms) == 0 {
		return []ocispecs.Platform{builder}
	}
	var out []ocispecs.Platform
	seen := map[string]bool{}
	for _, one := range t.Platforms {
		pl := one.Platform
		if one.Builder {
			pl = builder
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
func link(b *Build, builds map[string]*Build) bool {
	ok := true
	for _, name := range slices.Sorted(maps.Keys(b.Target.Contexts)) {
		c := b.Target.Contexts[name]
		if c.Kind != config.LinkedTarget {
			continue
		}
		in := builds[c.Value]
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
	claim(p.plan.Builds)
	p.plan.Graph.Vertices = p.parts.vertices.sorted()
	p.plan.Locals = p.parts.folders.finished()
}
