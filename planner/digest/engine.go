package digest

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/version"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/orch-build/orch/config/lock"
	"github.com/orch-build/orch/internal/contextfs"
	"github.com/orch-build/orch/internal/fault"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/dockerfile"
	"github.com/orch-build/orch/planner/inputs"
	"github.com/orch-build/orch/planner/options"
)

// Version counts up whenever equal inputs get another digest.
const Version = 3

// engineVersion is what is asked for the version of what makes the digests: it
// goes into each, since another frontend may make another image.
var engineVersion = fmt.Sprintf("orch%d frontend %s", Version, version.Version())

// Engine names what makes the digests.
func Engine() string { return engineVersion }

// Options are what Compute needs besides the plan.
type Options struct {
	// Files is what Dockerfiles and OCI layouts are read through.
	Files planner.Files
	// Images says what images mean; nil knows none.
	Images Images
	// Memory keeps what was converted from one call to the next, by the name of
	// the project; nil converts everything.
	Memory  inputs.Memory
	Project string
	// SourcePolicy is the text of the source policy of the environment.
	SourcePolicy []byte
	// Labels are those that a run adds to what the target says; nil adds none.
	Labels func(*planner.Build) map[string]string
	// GitModes takes files and folders for what git would make of them, in every
	// context; otherwise that is up to the target.
	GitModes bool
}

// Target is the digest of a target.
type Target struct {
	// Publication is the sum of all that is published: the image, annotations,
	// attestations and their form. Image is the sum of what makes the images of
	// the platforms. Both begin with "orch3:". Neither depends on where an output
	// goes, nor on its type.
	Publication, Image string
	// Open says what could change the result without changing the digests.
	Open []inputs.Unpinned
	// Platforms are its parts, in the order of the target's platforms.
	Platforms []Platform
}

// Platform is the part of a digest for one platform.
type Platform struct {
	ID  string // "" if the target names none
	Sum string
	// Steps are the operations of the definition, each with a sum of its own.
	Steps []Step
}

// Step is one operation of a definition.
type Step struct {
	Line int // in the Dockerfile; 0 if it is not written there
	Sum  string
}

// Digests are the digests of a plan's targets.
type Digests struct {
	// Converted is how many Dockerfiles the frontend was asked to convert; the
	// others were remembered.
	Converted int
	// Reads is what contexts were read through.
	Reads *inputs.Reads

	targets    map[*planner.Build]*Target
	operations map[*planner.Build][][]Operation // once they were asked for
	engine     *engine
}

// File is a file that a target reads.
type File struct {
	// Path is in the folder of the context, Dir. Context is the name of that, "" for
	// the target's own.
	Context, Dir, Path string
	// Sum is equal for files of the same content, mode and link.
	Sum string
	// Folder is true of a folder.
	Folder bool
}

// Files calls f for what a target reads of local contexts, in the order in
// which its definition does; some are there several times.
func (d *Digests) Files(b *planner.Build, f func(File)) {
	for _, p := range d.engine.results[b].platforms {
		for _, r := range p.skeleton.Reads {
			l := local(b, r.Context)
			if l == nil {
				continue
			}
			d.engine.reads.Select(l, r.Query).Each(func(it inputs.Selected) {
				f(File{contextName(r.Context), l.Dir, it.Path, fileSum(it, contextfs.Modes(d.engine.opt.GitModes || l.GitModes)), it.Mode.IsDir()})
			})
		}
	}
}

// Images lists what a target asked of images: by their names, the digests that
// they have now; "" is not known.
func (d *Digests) Images(b *planner.Build) map[string]string {
	out := map[string]string{}
	for _, p := range d.engine.results[b].platforms {
		for _, q := range p.skeleton.Asked {
			out[familiar(strings.TrimPrefix(q.Ref, layoutScheme))] = q.Digest
		}
	}
	return out
}

// Configuration is the configuration of the image for one of the platforms.
func (d *Digests) Configuration(b *planner.Build, platform int) []byte {
	return d.engine.results[b].platforms[platform].skeleton.Image
}

// Asked lists the images that a target starts from or takes from, with the
// digests that they have now; "" is not known.
func (d *Digests) Asked(b *planner.Build) map[string]string {
	out := map[string]string{}
	for _, p := range d.engine.results[b].platforms {
		for _, q := range p.skeleton.Asked {
			out[familiar(strings.TrimPrefix(q.Ref, layoutScheme))] = q.Digest + q.Answer
		}
	}
	return out
}

// Target returns the digest of a target.
func (d *Digests) Target(b *planner.Build) *Target { return d.targets[b] }

// Prove computes the digests of a plan's targets and puts them in the place of
// the sums that its inputs have; see [inputs.Inputs.Prove].
func Prove(ctx context.Context, plan *planner.Plan, in *inputs.Inputs, opt Options) error {
	all, err := Compute(ctx, plan, in.Reads, opt)
	if err != nil {
		return err
	}
	for _, b := range plan.Builds {
		t := all.Target(b)
		in.Prove(b, t.Publication, t.Image, t.Open)
	}
	return nil
}

type engine struct {
	opt      Options
	platform ocispecs.Platform
	asking   *asking
	memory   *memory
	results  map[*planner.Build]*result
	sums     map[sumKey]selectionSum
	reads    *inputs.Reads
	lock     *lock.Lock
	lockSum  string // of what conversions take from it
}

// result is a target on its way to its digest.
type result struct {
	done      chan struct{}
	platforms []platformResult
	digest    *Target
}

type platformResult struct {
	id       string
	skeleton *skeleton
	// files is the sum of the file system, without the configuration.
	files string
}

type sumKey struct {
	selection *inputs.Selection
	modes     contextfs.Modes
}

type selectionSum struct {
	sum    string
	faults []inputs.Selected
}

// Compute computes the digests of all targets of a plan. Files are read through
// reads, whose memory is used and filled.
func Compute(ctx context.Context, plan *planner.Plan, reads *inputs.Reads, opt Options) (*Digests, error) {
	if opt.Files == nil {
		opt.Files = planner.Disk{}
	}
	store := opt.Memory
	if plan.Sensitive {
		store = nil // a conversion holds the values of arguments as they are
	}
	e := &engine{
		opt: opt, platform: plan.Platform, memory: openMemory(store, opt.Project), reads: reads,
		asking:  &asking{images: opt.Images, lock: plan.Lock, answers: map[[2]string]*answer{}},
		results: map[*planner.Build]*result{}, sums: map[sumKey]selectionSum{},
		lock: plan.Lock, lockSum: lockSum(plan.Lock),
	}
	if err := e.convertAll(ctx, plan); err != nil {
		return nil, err
	}
	for _, b := range plan.Builds {
		e.find(b)
	}
	reads.Hash()
	out := &Digests{Converted: int(e.memory.missed.Load()), Reads: reads, targets: map[*planner.Build]*Target{}, engine: e}
	for _, b := range plan.Builds {
		out.targets[b] = e.target(b)
	}
	e.memory.save()
	return out, nil
}

// convertAll converts the Dockerfiles of all targets, several at a time, each
// after those that it is built on.
func (e *engine) convertAll(ctx context.Context, plan *planner.Plan) error {
	for _, b := range plan.Builds {
		e.results[b] = &result{done: make(chan struct{})}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(2, runtime.GOMAXPROCS(0)))
	for _, b := range plan.Builds {
		group.Go(func() error {
			r := e.results[b]
			defer close(r.done)
			for _, linked := range b.Links {
				// It began before this one, and waits for none behind it.
				<-e.results[linked].done
			}
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			r.platforms = e.convert(ctx, b)
			return nil
		})
	}
	return group.Wait()
}

// convert makes the skeletons of a target, one for each platform.
func (e *engine) convert(ctx context.Context, b *planner.Build) []platformResult {
	if opaque(b) {
		return []platformResult{{skeleton: e.opaque(b)}}
	}
	if len(b.Platforms) == 0 {
		return []platformResult{{skeleton: e.skeleton(ctx, b, nil)}}
	}
	var out []platformResult
	for i := range b.Specs {
		id := b.Platforms[i]
		if len(b.Specs) == 1 {
			id = ""
		}
		out = append(out, platformResult{id: id, skeleton: e.skeleton(ctx, b, &b.Specs[i])})
	}
	return out
}

func (e *engine) skeleton(ctx context.Context, b *planner.Build, p *ocispecs.Platform) *skeleton {
	c := e.newConversion(b, p)
	c.lock = e.lock
	return e.memory.skeleton(ctx, c.key(e.platform)+e.lockSum, c, e)
}

// opaque says whether a target cannot be converted here: its frontend or its
// Dockerfile is somewhere else, or the conversion takes too much memory.
func opaque(b *planner.Build) bool {
	return b.Dockerfile == nil || foreign(b) || dockerfile.Large(b.Dockerfile.Data)
}

func foreign(b *planner.Build) bool { return len(b.Stages) > 0 && b.Stages[0].Kind == planner.Opaque }

// opaque is the skeleton of a target that cannot be converted: all that it may
// read counts.
func (e *engine) opaque(b *planner.Build) *skeleton {
	opts := options.Of(b)
	fields := []string{"opaque", b.Target.Dockerfile}
	s := &skeleton{}
	text := "its Dockerfile " + b.Target.Dockerfile + " is read by the builder"
	if d := b.Dockerfile; d != nil {
		fields = append(fields, d.Filename, string(d.Data))
		text = "its frontend cannot be asked here: " + d.Syntax
		if !foreign(b) {
			text = "its Dockerfile is too large to be converted here: the builder does that"
		}
	}
	s.Opens = append(s.Opens, opening{inputs.OpaqueFrontend, text, 1})
	fields = append(fields, "options")
	for _, k := range slices.Sorted(maps.Keys(opts)) {
		fields = append(fields, k, opts[k])
	}
	fields = append(fields, "contexts", b.Target.Context.Value)
	if b.Context != nil {
		fields[len(fields)-1] = ""
		s.Reads = append(s.Reads, read{Context: mainContext})
	}
	for _, name := range slices.Sorted(maps.Keys(b.Target.Contexts)) {
		fields = append(fields, name)
		switch {
		case b.Contexts[name] != nil:
			s.Reads = append(s.Reads, read{Context: namedContext + name})
		case b.Links[name] != nil:
			for _, p := range e.results[b.Links[name]].platforms {
				s.Links = append(s.Links, linkContext+name+":"+p.id)
			}
		default:
			fields = append(fields, b.Target.Contexts[name].Value)
		}
	}
	for _, x := range b.Target.Secrets {
		s.Secrets = append(s.Secrets, x.ID)
	}
	for _, x := range b.Target.SSH {
		s.SSH = append(s.SSH, x.ID)
	}
	s.Sum = hash(fields...)
	return s
}

// find has everything looked for that a target reads.
func (e *engine) find(b *planner.Build) {
	for _, p := range e.results[b].platforms {
		for _, r := range p.skeleton.Reads {
			if l := local(b, r.Context); l != nil {
				e.reads.Select(l, r.Query)
			}
		}
	}
}

// local is the directory behind the name of a context in a definition.
func local(b *planner.Build, name string) *planner.Local {
	if name == mainContext {
		return b.Context
	}
	return b.Contexts[name[min(len(namedContext), len(name)):]]
}

// sum is the sum of what a query finds.
func (e *engine) sum(b *planner.Build, r read) selectionSum {
	l := local(b, r.Context)
	if l == nil {
		return selectionSum{sum: "none"}
	}
	s := e.reads.Select(l, r.Query)
	key := sumKey{s, contextfs.Modes(e.opt.GitModes || l.GitModes)}
	got, ok := e.sums[key]
	if !ok {
		got.sum, got.faults = sumSelection(s, key.modes)
		if err := s.Err(); err != nil {
			got.faults = append(got.faults, inputs.Selected{Path: r.Query.Path, Err: err})
		}
		e.sums[key] = got
	}
	return got
}

// target makes the digest of a target; those that it is built on have theirs.
func (e *engine) target(b *planner.Build) *Target {
	out := &Target{}
	f := newFramed()
	f.add("image", engineVersion)
	for i := range e.results[b].platforms {
		p := &e.results[b].platforms[i]
		sum := e.platformSum(b, p, out)
		part := Platform{ID: p.id, Sum: sum}
		for _, s := range p.skeleton.Steps {
			part.Steps = append(part.Steps, Step{s.Line, s.Sum})
		}
		out.Platforms = append(out.Platforms, part)
		f.add(p.id, sum)
	}
	e.addTarget(f, b)
	sum := f.hex()
	out.Image = prefixed(sum)
	out.Publication = prefixed(publication(b, sum))
	out.Open = inputs.Once(out.Open)
	e.results[b].digest = out
	return out
}

func prefixed(sum string) string { return "orch" + strconv.Itoa(Version) + ":" + sum }

// platformSum sums up a target for one platform.
func (e *engine) platformSum(b *planner.Build, p *platformResult, out *Target) string {
	s := p.skeleton
	f := newFramed()
	f.add("files", s.Sum)
	if from, ok := b.FolderBelow(p.id); ok {
		f.add("history", from)
	}
	for _, r := range s.Reads {
		got := e.sum(b, r)
		f.add(r.Context, got.sum)
		for _, bad := range got.faults {
			out.Open = append(out.Open, e.openAt(b, opening{
				inputs.Unreadable, fmt.Sprintf("%s cannot be read: %v", fault.Path(bad.Path), bad.Err), r.Line,
			}))
		}
	}
	for _, name := range s.Links {
		linked, files := e.linked(b, name)
		f.add(name, files)
		if linked != nil {
			out.Open = append(out.Open, linked.Open...)
		}
	}
	e.addProvided(f, b, s)
	p.files = f.hex()
	for _, o := range s.Opens {
		out.Open = append(out.Open, e.openAt(b, o))
	}
	whole := newFramed()
	whole.add(p.files, string(s.Image), s.Epoch, s.Failed)
	if s.Failed != "" {
		whole.add(string(b.Dockerfile.Data))
		out.Open = append(out.Open, e.openAt(b, opening{Why: inputs.Unconvertible, Text: "the frontend refuses the Dockerfile: " + s.Failed}))
	}
	return whole.hex()
}

// linked is the digest behind the name of a linked target in a definition, and
// the sum of its file system.
func (e *engine) linked(b *planner.Build, name string) (*Target, string) {
	for key, other := range b.Links {
		for _, p := range e.results[other].platforms {
			if name == linkContext+key+":"+p.id {
				return e.results[other].digest, p.files
			}
		}
	}
	return nil, ""
}

// openAt gives what is open its place.
func (e *engine) openAt(b *planner.Build, o opening) inputs.Unpinned {
	out := inputs.Unpinned{Why: o.Why, Text: o.Text}
	switch {
	case o.Why == inputs.NoCache:
		if b.Target.NoCache != nil {
			out.Range = b.Target.RangeOf("no-cache")
		} else {
			out.Range = b.Target.RangeOf("no-cache-filter")
		}
	case b.Dockerfile != nil && o.Line > 0:
		out.Range = b.Dockerfile.Lines(o.Line, o.Line)
	default:
		out.Range = b.Target.RangeOf("dockerfile")
	}
	return out
}
