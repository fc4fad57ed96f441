package inputs

import (
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/config/lock"
	"github.com/orch-build/orch/config/policy"
	"github.com/orch-build/orch/internal/fault"
	"github.com/orch-build/orch/internal/framed"
	"github.com/orch-build/orch/planner"
)

// Digest is the sum of everything that can change the result of a vertex or a
// target, as far as it can be known before a build. The same commit has the
// same digests on every machine.
type Digest struct {
	// Sum is "orch1:" and 64 hexadecimal digits, 1 being DigestVersion. It is
	// made of the kind and of the sums of all classes.
	Sum string
	// Image is the sum of what makes the images of a target's platforms, without
	// what is published with them; "" unless Inputs.Prove was called.
	Image string
	// Open says what could change the result without changing the digest; it
	// is empty if nothing is known that could. What the vertices below leave
	// open is part of it.
	Open []Unpinned

	sums [classes]string
}

// Class returns the sum of one class in hexadecimal digits, or "" if nothing
// of that class goes in.
func (d *Digest) Class(c Class) string { return d.sums[c] }

// Diff returns the classes in which two digests differ, in their order. For
// targets that names what changed anywhere below; ClassUpstream then says only
// that something did.
func (d *Digest) Diff(other *Digest) []Class {
	var out []Class
	for c := range classes {
		if d.sums[c] != other.sums[c] {
			out = append(out, c)
		}
	}
	return out
}

// Reason is a reason why a digest is open.
type Reason int

const (
	// MutableTag is an image that is not pinned to a digest.
	MutableTag Reason = iota
	// GitBranch is a repository that is not read at a full commit hash.
	GitBranch
	// RemoteFile is a file that is fetched without a checksum.
	RemoteFile
	// OpaqueFrontend is a build that orch cannot read beforehand.
	OpaqueFrontend
	// NoCache is a target that asks to run steps again.
	NoCache
	// Unreadable is a file or directory that could not be read, or that was
	// written to meanwhile.
	Unreadable
	// UnknownImage is an image whose configuration is not known.
	UnknownImage
	// Unconvertible is a Dockerfile that the frontend refuses.
	Unconvertible
	opennesses
)

var opennessNames = [opennesses]string{"mutable-tag", "git-branch", "remote-file", "opaque-frontend", "no-cache", "unreadable", "unknown-image", "refused"}

// String is the name of a reason in JSON.
func (o Reason) String() string { return opennessNames[o] }

// Unpinned is something that a digest cannot know.
type Unpinned struct {
	Why   Reason
	Text  string      // a clause such as "alpine:3 is not pinned to a digest"
	Range fault.Range // where it is written
}

// Inputs are the digests of a plan.
type Inputs struct {
	// Reads is what the stages read from local contexts.
	Reads *Reads
	// Hashed is how many files were read to sum them up; the others were
	// remembered.
	Hashed int

	lock        *lock.Lock
	definitions map[*planner.Vertex]*definition
	vertices    map[*planner.Vertex]*Digest
	builds      map[*planner.Build]*Digest
}

// Vertex returns the digest of a vertex, or nil for a local context: what is
// read of one counts where it is read.
func (in *Inputs) Vertex(v *planner.Vertex) *Digest { return in.vertices[v] }

// Build returns the digest of a target.
func (in *Inputs) Build(b *planner.Build) *Digest { return in.builds[b] }

// Prove puts the digest of a target that was made from the builder's own
// definition in the place of the sum of its classes, which then only say what
// differs.
func (in *Inputs) Prove(b *planner.Build, publication, image string, open []Unpinned) {
	d := in.builds[b]
	d.Sum, d.Image, d.Open = publication, image, open
}

// Open returns what leaves the digests of targets open, each once.
func (in *Inputs) Open() []Unpinned {
	var all []Unpinned
	for _, b := range in.Reads.Plan.Builds {
		all = append(all, in.builds[b].Open...)
	}
	return Once(all)
}

// Compute computes the digests of all vertices and targets of a plan. Every file is read once, or not at all if
// ReadOptions.Memory knows it.
func Compute(p *planner.Plan, opt Options) (*Inputs, fault.Diagnostics) {
	reads, diags := Read(p, opt)
	in := &Inputs{Reads: reads, lock: p.Lock, definitions: map[*planner.Vertex]*definition{}, vertices: map[*planner.Vertex]*Digest{}, builds: map[*planner.Build]*Digest{}}
	in.Hashed = reads.hash()
	for _, v := range p.Graph.Vertices {
		if v.Kind != planner.LocalContext {
			in.vertices[v] = in.vertex(v)
		}
	}
	for _, b := range p.Builds {
		in.builds[b] = in.target(b)
	}
	return in, diags
}

// vertex sums a vertex up; those that it needs have been.
func (in *Inputs) vertex(v *planner.Vertex) *Digest {
	var own ingredients
	def := define(v, in.Reads.opt.Files, in.lock)
	in.definitions[v] = def
	for c := range classes {
		if !def.sums[c].Empty() {
			own.sums[c].Add(def.sums[c].Hex())
		}
	}
	own.open = slices.Clone(def.open)
	for i := range v.Inputs {
		e := &v.Inputs[i]
		own.add(ClassUpstream, strconv.Itoa(int(e.Why)))
		if s := in.Reads.of(e); s != nil {
			own.files(s.sums(), e)
			continue
		}
		if from := in.vertices[e.From]; from != nil {
			own.add(ClassUpstream, from.Sum)
			if !e.Pinned {
				own.open = append(own.open, from.Open...)
			}
		}
	}
	return own.digest()
}

// files adds what an edge reads of a local context.
func (d *ingredients) files(s *sums, e *planner.Edge) {
	for c, sum := range map[Class]*[sumSize]byte{
		ClassFileName: &s.names, ClassFileContent: &s.contents, ClassFileMode: &s.modes, ClassLink: &s.links,
	} {
		if *sum != empty {
			d.add(c, hex.EncodeToString(sum[:]))
		}
	}
	for _, f := range s.faults {
		d.mark(Unpinned{Why: Unreadable, Text: fmt.Sprintf("%s in %s: %s", fault.Path(f.path), e.From.Name, fault.Reason(f.err)), Range: e.Range})
	}
}

// digest makes the sum of all sums.
func (d *ingredients) digest() *Digest {
	out := &Digest{Open: Once(d.open)}
	var all framed.Digest
	for c := range classes {
		if !d.sums[c].Empty() {
			out.sums[c] = d.sums[c].Hex()
			all.Add(c.String(), out.sums[c])
		}
	}
	out.Sum = fmt.Sprintf("orch%d:%s", DigestVersion, all.Hex())
	return out
}

// Once leaves out what is there already; of a place only the beginning counts.
func Once(list []Unpinned) []Unpinned {
	seen := map[Unpinned]bool{}
	return slices.DeleteFunc(list, func(o Unpinned) bool {
		o.Range = fault.Range{Filename: o.Range.Filename, Start: o.Range.Start}
		was := seen[o]
		seen[o] = true
		return was
	})
}

// target sums up a target: each class over all vertices that it is made of,
// and what the target adds to them.
func (in *Inputs) target(b *planner.Build) *Digest {
	var d ingredients
	d.add(ClassKind, "target")
	c := closure{Inputs: in, d: &d, seen: map[*planner.Vertex]bool{}, secrets: map[string]bool{}, ssh: map[string]bool{}}
	for i, v := range b.Stages {
		c.visit(v)
		if i < len(b.Platforms) {
			d.add(ClassPlatform, b.Platforms[i])
		}
		if v.Kind == planner.LocalContext {
			// A context stands for the stage itself, and all of it is the result.
			all := wholeOf(v)
			if s := in.Reads.of(&all); s != nil {
				d.files(s.sums(), &all)
			}
			continue
		}
		d.add(ClassUpstream, in.vertices[v].Sum)
		d.open = append(d.open, in.vertices[v].Open...)
	}
	for _, other := range b.Inputs {
		d.add(ClassUpstream, in.builds[other].Sum)
		d.open = append(d.open, in.builds[other].Open...)
	}
	d.target(b.Target)
	d.policies(b.Policies)
	d.provided(b.Target, &c)
	return d.digest()
}

// closure goes through all vertices below a target, in the order in which they
// are first needed.
type closure struct {
	*Inputs
	d            *ingredients
	seen         map[*planner.Vertex]bool
	secrets, ssh map[string]bool
	opaque       bool
}

func (c *closure) visit(v *planner.Vertex) {
	sum := c.vertices[v]
	if sum == nil || c.seen[v] {
		return
	}
	c.seen[v] = true
	for i := range v.Inputs {
		c.visit(v.Inputs[i].From)
	}
	for class := range classes {
		if class != ClassUpstream && sum.sums[class] != "" {
			c.d.add(class, sum.sums[class])
		}
	}
	c.opaque = c.opaque || v.Kind == planner.Opaque
	def := c.definitions[v]
	for _, id := range def.secrets {
		c.secrets[id] = true
	}
	for _, id := range def.ssh {
		c.ssh[id] = true
	}
}

// provided adds which of the secrets and ssh sources that its stages mount a
// target provides: without one, a step does something else.
func (d *ingredients) provided(t *config.Target, c *closure) {
	var secrets, ssh []string
	for _, s := range t.Secrets {
		if c.opaque || c.secrets[s.ID] {
			secrets = append(secrets, s.ID)
		}
	}
	for _, s := range t.SSH {
		if c.opaque || c.ssh[s.ID] {
			ssh = append(ssh, s.ID)
		}
	}
	if len(secrets) > 0 {
		d.add(ClassSecret, slices.Compact(slices.Sorted(slices.Values(secrets)))...)
	}
	if len(ssh) > 0 {
		d.add(ClassSSH, slices.Compact(slices.Sorted(slices.Values(ssh)))...)
	}
}

// target adds the attributes of a target that change what it results in.
func (d *ingredients) target(t *config.Target) {
	for _, k := range slices.Sorted(maps.Keys(t.Labels)) {
		d.add(ClassLabel, k, t.Labels[k])
	}
	if len(t.Annotations) > 0 {
		d.add(ClassAnnotation, slices.Compact(slices.Sorted(slices.Values(t.Annotations)))...)
	}
	for _, e := range t.Attest {
		d.add(ClassAttestation, e.Type)
		d.sums[ClassAttestation].AddMap(e.Attrs)
	}
	for _, e := range t.Outputs {
		d.add(ClassOutput, e.Type)
		d.sums[ClassOutput].AddMap(form(e.Attrs))
	}
	for _, k := range slices.Sorted(maps.Keys(t.Args)) {
		if strings.HasPrefix(k, "BUILDKIT_") {
			d.add(ClassArgument, k, t.Args[k])
		}
	}
	if v := t.Args["SOURCE_DATE_EPOCH"]; v != "" {
		d.add(ClassEpoch, v)
	}
	switch {
	case t.NoCache != nil && *t.NoCache:
		d.mark(Unpinned{Why: NoCache, Text: "no-cache asks to run every step again", Range: t.RangeOf("no-cache")})
	case len(t.NoCacheFilter) > 0:
		d.mark(Unpinned{Why: NoCache, Text: "no-cache-filter asks to run steps again", Range: t.RangeOf("no-cache-filter")})
	}
}

// policies adds the policies of a target: one may put a source in the place of
// another. What is in a remote context counts with that.
func (d *ingredients) policies(s *policy.Set) {
	if s.Empty() {
		return
	}
	for _, p := range s.Policies {
		d.add(ClassPolicy, "policy", strconv.FormatBool(p.BuiltIn))
		for _, f := range p.Files {
			d.add(ClassPolicy, string(f.Data))
		}
	}
}

// places are the attributes of outputs that say where something goes, or how
// it gets there, but not what it is.
var places = []string{
	"dest", "name", "push", "load", "context", "push-by-digest", "registry.insecure", "store", "unpack",
	"dangling-name-prefix", "name-canonical", "mode",
}

func form(attrs map[string]string) map[string]string {
	out := maps.Clone(attrs)
	maps.DeleteFunc(out, func(k, _ string) bool { return slices.Contains(places, k) })
	return out
}

// hash sums up every regular file that is read, and returns how many had to be
// read for it.
func (r *Reads) hash() int {
	read := 0
	all := r.selections()
	for _, dir := range slices.Sorted(maps.Keys(r.trees)) {
		h := &hashing{tree: r.trees[dir], memory: r.remembered(dir)}
		var jobs []job
		for _, s := range all[dir] {
			jobs = h.add(jobs, s)
		}
		h.run(jobs)
		read += h.read
		if h.read > 0 && r.opt.Memory != nil {
			// A memory that cannot be written only makes the next call slower.
			_ = r.opt.Memory.Save(dir, h.memory.learn(r.learned(all[dir]), r.opt.Now))
		}
	}
	return read
}

func (r *Reads) remembered(dir string) *fileMemory {
	if r.opt.Memory == nil {
		return &fileMemory{}
	}
	return readMemory(r.opt.Memory.Load(dir))
}

// selections lists the selections of each directory in a stable order.
func (r *Reads) selections() map[string][]*selection {
	out := map[string][]*selection{}
	seen := map[*selection]bool{}
	add := func(e *planner.Edge) {
		if s := r.of(e); s != nil && !seen[s] {
			seen[s] = true
			out[e.From.Local.Dir] = append(out[e.From.Local.Dir], s)
		}
	}
	for _, v := range r.Plan.Graph.Vertices {
		for i := range v.Inputs {
			add(&v.Inputs[i])
		}
	}
	for _, b := range r.Plan.Builds {
		for _, v := range b.Stages {
			all := wholeOf(v)
			add(&all)
		}
	}
	for dir, list := range r.extra {
		out[dir] = append(out[dir], list...)
	}
	return out
}

// learned lists the files with known sums, for the memory.
func (r *Reads) learned(selections []*selection) []record {
	var out []record
	seen := map[*entry]bool{}
	for _, s := range selections {
		s.each(func(dir string, it item) {
			if it.entry != nil && it.sum != nil && it.fault == nil && !seen[it.entry] {
				seen[it.entry] = true
				out = append(out, record{path: it.path(dir), stamp: it.Stamp, sum: it.sum})
			}
		})
	}
	return out
}
