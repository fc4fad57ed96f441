// Package outside lists what the targets of a plan take from outside, each thing
// once, with the targets and files that say so, and what a lock lacks of it.
//
// It knows what the definitions of the targets name, by their digests. It does
// not know what names mean: it asks no registry, and writes no lock.
package outside

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/config/lock"
	"github.com/orch-build/orch/internal/fault"
	"github.com/orch-build/orch/internal/ocilayout"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/digest"
)

// Item is one thing from outside.
type Item struct {
	lock.Key
	// Digest is what it means, as far as that is known here; Why is the reason why
	// it is not, if there is any.
	Digest, Why string
	// Platforms are those for which an image is taken, in order.
	Platforms []string
	// Targets are those that take it, and UsedBy the same with the files that say
	// so; both are in order.
	Targets, UsedBy []string
	// Sources are what a builder gets for a repository or a file, pinned: one for
	// each way in which it is taken.
	Sources []Source
	// At is the first place where it is written.
	At fault.Range
}

// Source is a source of a definition.
type Source struct {
	ID    string
	Attrs map[string]string
}

// List is what the targets of a plan take.
type List struct {
	Items []*Item
	// Unread are the targets of which only a builder knows what they take, with
	// the reason.
	Unread map[string]string
}

// Options are what the plan does not say.
type Options struct {
	// Frontend is the image of the frontend that a builder has to run for a target,
	// or "".
	Frontend func(*planner.Build) string
	// Platform is the builder's.
	Platform string
	// Definition tells a definition from others whose targets are in the same lock;
	// "" is the one with the usual name.
	Definition string
	// Lock names OCI layouts, and remembers what targets take that only a builder can
	// convert.
	Lock *lock.Lock
	// Made has a builder say what such a target takes; nil leaves it at what the lock
	// remembers.
	Made func(*planner.Build) ([]digest.Outside, error)
}

// scanner is what makes SBOMs unless an attestation names another.
const scanner = "docker/buildkit-syft-scanner:stable-1"

// Of lists what the targets take.
func Of(plan *planner.Plan, digests *digest.Digests, opt Options) *List {
	c := &collector{opt: opt, plan: plan, items: map[lock.Key]*Item{}}
	out := &List{Unread: map[string]string{}}
	for _, b := range plan.Builds {
		c.build = b
		for _, o := range digests.Outside(b) {
			c.add(o.Key, o.Platform, o.Digest, o.Why, c.placeOf(o)).take(o)
		}
		c.frontend()
		c.layouts()
		c.scanners()
		switch why := digests.Refused(b); {
		case digests.Opaque(b):
			if err := c.made(); err != nil {
				out.Unread[b.Name()] = opaqueReason(b) + ", and asking a builder has failed: " + err.Error()
			}
		case why != "":
			out.Unread[b.Name()] = "its Dockerfile is refused: " + why
		}
	}
	out.Items = c.sorted()
	return out
}

// SayUnread says of which targets not everything is known, and what is so.
func (l *List) SayUnread(w io.Writer, so string) {
	for _, name := range slices.Sorted(maps.Keys(l.Unread)) {
		fmt.Fprintf(w, "Warning: target %s: %s. What it takes beside its contexts and its frontend is %s.\n", name, l.Unread[name], so)
	}
}

func opaqueReason(b *planner.Build) string {
	if b.Dockerfile == nil {
		return "its Dockerfile is read by the builder"
	}
	return "its frontend is not linked into orch"
}

// made adds what a target takes that only a builder can convert.
func (c *collector) made() error {
	if c.opt.Made == nil {
		c.remembered()
		return nil
	}
	list, err := c.opt.Made(c.build)
	if err != nil {
		c.remembered()
		return err
	}
	for _, o := range list {
		c.add(o.Key, cmp.Or(o.Platform, c.opt.Platform), o.Digest, o.Why, c.place(1)).take(o)
	}
	return nil
}

// remembered adds what the lock says that the target takes.
func (c *collector) remembered() {
	for _, e := range c.opt.Lock.Entries() {
		used := slices.ContainsFunc(e.UsedBy, func(line string) bool {
			u := lock.ParseUse(line)
			return u.Target == c.build.Name() && u.Definition == c.opt.Lock.Definition
		})
		if !used || e.Kind == lock.Layout || e.Kind == lock.Definition || c.items[e.Key] != nil {
			continue
		}
		it := c.add(e.Key, "", "", "", c.place(1))
		if e.Kind == lock.Image {
			it.Platforms = append(it.Platforms, slices.Sorted(maps.Keys(e.Platforms))...)
		}
	}
}

type collector struct {
	opt   Options
	plan  *planner.Plan
	build *planner.Build
	items map[lock.Key]*Item
}

// take notes how a repository or a file is taken.
func (it *Item) take(o digest.Outside) {
	known := func(s Source) bool { return s.ID == o.Source && maps.Equal(s.Attrs, o.Attrs) }
	if o.Source != "" && !slices.ContainsFunc(it.Sources, known) {
		it.Sources = append(it.Sources, Source{o.Source, o.Attrs})
	}
}

func (c *collector) add(key lock.Key, platform, digest, why string, at fault.Range) *Item {
	key.Name = lock.Canonical(key.Kind, key.Name)
	it := c.items[key]
	if it == nil {
		it = &Item{Key: key, At: at}
		c.items[key] = it
	}
	it.Digest, it.Why = cmp.Or(it.Digest, digest), cmp.Or(it.Why, why)
	if platform != "" {
		it.Platforms = append(it.Platforms, platform)
	}
	it.Targets = append(it.Targets, c.build.Name())
	it.UsedBy = append(it.UsedBy, lock.Use{Target: c.build.Name(), File: at.Filename, Definition: c.opt.Definition}.String())
	return it
}

// placeOf is where the source of a definition is written. Of those that a
// definition has no line for, the graph of the plan may know one.
func (c *collector) placeOf(o digest.Outside) fault.Range {
	if o.Line == 0 {
		for _, v := range c.plan.Graph.Vertices {
			if v.Kind == planner.RemoteContext && strings.HasPrefix(config.WithoutCredentials(v.Name), o.Name) && slices.Contains(v.Targets, c.build.Name()) {
				return v.Range
			}
		}
	}
	return c.place(o.Line)
}

// place is a line of the Dockerfile, or the definition of the target.
func (c *collector) place(line int) fault.Range {
	if d := c.build.Dockerfile; d != nil && line > 0 {
		return d.Lines(line, line)
	}
	for _, attr := range []string{"contexts", "context"} {
		if at := c.build.Target.RangeOf(attr); at.Filename != "" {
			return at
		}
	}
	return c.build.Target.RangeOf("dockerfile")
}

func (c *collector) frontend() {
	if name := c.opt.Frontend(c.build); name != "" {
		c.add(lock.Key{Kind: lock.Frontend, Name: name}, c.opt.Platform, written(name), "", c.place(1))
	}
}

// written is the digest that the name of an image has.
func written(name string) string {
	_, digest := lock.SplitDigest(name)
	return digest
}

func (c *collector) layouts() {
	contexts := c.build.Target.Contexts
	for _, key := range slices.Sorted(maps.Keys(contexts)) {
		if v := contexts[key]; v.Kind == config.OCILayout {
			_, _, digest := ocilayout.Split(v.Value)
			c.add(lock.Key{Kind: lock.Layout, Name: c.opt.Lock.LayoutName(v.Value)}, "", digest, "", planner.ContextRange(c.build.Target, "contexts."+key))
		}
	}
}

// scanners are the images that make SBOMs.
func (c *collector) scanners() {
	for _, a := range c.build.Target.Attest {
		if a.Type == "sbom" && !a.Disabled {
			name := cmp.Or(a.Attrs["generator"], scanner)
			c.add(lock.Key{Kind: lock.Image, Name: name}, c.opt.Platform, written(name), "", c.build.Target.RangeOf("attest"))
		}
	}
}

func (c *collector) sorted() []*Item {
	out := slices.SortedFunc(maps.Values(c.items), func(a, b *Item) int {
		return cmp.Or(cmp.Compare(slices.Index(lock.Kinds, a.Kind), slices.Index(lock.Kinds, b.Kind)), strings.Compare(a.Name, b.Name))
	})
	for _, it := range out {
		for _, list := range []*[]string{&it.Platforms, &it.Targets, &it.UsedBy} {
			slices.Sort(*list)
			*list = slices.Compact(*list)
		}
	}
	return out
}

// Missing is something that a lock does not hold as it should.
type Missing struct {
	*Item
	// Why is it in a few words.
	Why string
}

// Missing lists what a lock lacks for a build that takes nothing else.
func (l *List) Missing(held *lock.Lock) []Missing {
	var out []Missing
	for _, it := range l.Items {
		if why := lacks(it, held); why != "" {
			out = append(out, Missing{it, why})
		}
	}
	return out
}

func lacks(it *Item, held *lock.Lock) string {
	e := held.Get(it.Kind, it.Name)
	if e == nil && it.Kind == lock.Layout && it.Digest != "" {
		return "" // the digest is the lock's
	}
	if e == nil {
		return "not in the lock"
	}
	if it.Kind != lock.Image {
		return ""
	}
	for _, p := range it.Platforms {
		if len(e.Platforms) > 0 && e.Platforms[p] == "" {
			return "locked without " + p
		}
	}
	return ""
}

// Dependents are the targets, and those that are built on them, in order.
func Dependents(plan *planner.Plan, targets []string) []string {
	touched := map[*planner.Build]bool{}
	var out []string
	for _, b := range plan.Builds {
		touched[b] = slices.Contains(targets, b.Name()) || slices.ContainsFunc(b.Inputs, func(in *planner.Build) bool { return touched[in] })
		if touched[b] {
			out = append(out, b.Name())
		}
	}
	slices.Sort(out)
	return out
}
