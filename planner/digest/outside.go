package digest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/containerd/platforms"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/frontend/dockerui"
	"github.com/moby/buildkit/solver/pb"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/config/lock"
	"github.com/orch-build/orch/planner"
)

// outside is a source of a definition that is not of this machine.
type outside struct {
	Kind lock.Kind `json:"kind"`
	Name string    `json:"name"`
	// Digest is what the source is pinned to where it is written.
	Digest string `json:"digest,omitempty"`
	Line   int    `json:"line,omitempty"`
	// Secret is true of a URL with credentials, which are not in Name.
	Secret bool `json:"secret,omitempty"`
	// Source is what a builder gets for a repository or a URL, pinned, and Attrs
	// what of its attributes changes what comes out.
	Source string            `json:"source,omitempty"`
	Attrs  map[string]string `json:"attrs,omitempty"`
}

// telling are the attributes of a source that change what it comes out as.
var telling = []string{
	pb.AttrKeepGitDir, pb.AttrGitSkipSubmodules, pb.AttrGitMTime,
	pb.AttrHTTPFilename, pb.AttrHTTPPerm, pb.AttrHTTPUID, pb.AttrHTTPGID,
}

// Telling lists the attributes of a source that change what it comes out as.
func Telling() []string { return slices.Clone(telling) }

// describe notes a pinned source as a builder gets it.
func (o *outside) describe(src *pb.SourceOp) {
	o.Source, o.Attrs = src.Identifier, maps.Clone(src.Attrs)
}

// Outside is something that a target takes from outside.
type Outside struct {
	lock.Key
	Platform string // of an image
	// Digest is what it means: as it is written or locked, or as its registry
	// says; "" is not known, for the reason Why, if there is any.
	Digest, Why string
	Line        int // in the Dockerfile; 0 if it is not written there
	// Source and Attrs are what a builder gets for a repository or a URL.
	Source string
	Attrs  map[string]string
}

// Outside lists what a target takes from outside: images, repositories and URLs of
// its definition. Of a target that only a builder can convert it knows nothing;
// Opaque says so.
func (d *Digests) Outside(b *planner.Build) []Outside {
	if opaque(b) {
		return d.engine.contextsOutside(b)
	}
	var out []Outside
	for _, p := range d.engine.results[b].platforms {
		lines := map[string]int{}
		for _, o := range p.skeleton.Outside {
			if o.Kind == lock.Image {
				lines[o.Name] = o.Line
			}
		}
		for _, q := range p.skeleton.Asked {
			if strings.HasPrefix(q.Ref, layoutScheme) {
				continue
			}
			name := lock.Canonical(lock.Image, q.Ref)
			plain, _ := lock.SplitDigest(name)
			out = append(out, Outside{
				Key: lock.Key{Kind: lock.Image, Name: name}, Platform: q.Platform, Digest: q.Digest, Why: q.Why, Line: lines[plain],
			})
		}
		for _, o := range p.skeleton.Outside {
			if o.Kind == lock.Image {
				continue
			}
			out = append(out, d.engine.known(o))
		}
	}
	return out
}

// secretURL says why a URL is not locked, and what to write instead.
const secretURL = "its URL has credentials, which a lock must not hold. Write a checksum beside it (ADD --checksum=sha256:…, or ?checksum=sha256:… in a context), " +
	"or take them out of the URL: a server that takes a bearer token gets it from the secret HTTP_AUTH_TOKEN_ and its host, another header from HTTP_AUTH_HEADER_ and its host"

// known adds what the lock says of a source.
func (e *engine) known(o outside) Outside {
	one := Outside{Key: lock.Key{Kind: o.Kind, Name: o.Name}, Digest: o.Digest, Line: o.Line, Source: o.Source, Attrs: o.Attrs}
	switch {
	case one.Digest != "":
	case o.Secret:
		one.Why = secretURL
	case o.Kind == lock.Image:
		one.Digest = e.lock.ImageDigest(o.Name)
	default:
		if held := e.lock.Get(o.Kind, o.Name); held != nil {
			one.Digest = held.Digest
		}
	}
	return one
}

// contextsOutside lists the contexts of a target that only a builder can convert.
func (e *engine) contextsOutside(b *planner.Build) []Outside {
	var out []Outside
	add := func(c config.Context) {
		for _, o := range contextSources(c, e.lock) {
			one := e.known(o)
			if o.Kind != lock.Image {
				out = append(out, one)
				continue
			}
			if o.Digest != "" {
				one.Name += "@" + o.Digest
			}
			for _, p := range b.Platforms {
				one.Platform = p
				out = append(out, one)
			}
			if len(b.Platforms) == 0 {
				one.Platform = platforms.FormatAll(e.platform)
				out = append(out, one)
			}
		}
	}
	add(b.Target.Context)
	for _, name := range slices.Sorted(maps.Keys(b.Target.Contexts)) {
		add(b.Target.Contexts[name])
	}
	return out
}

// contextSources are the sources that a context is made of.
func contextSources(c config.Context, held *lock.Lock) []outside {
	var st llb.State
	switch c.Kind {
	case config.Image:
		o, ok := outsideOf(&pb.SourceOp{Identifier: "docker-image://" + c.Value})
		if !ok {
			return nil
		}
		return []outside{o}
	case config.Git:
		got, ok, err := dockerui.DetectGitContext(c.Value, nil)
		if !ok || err != nil {
			return nil
		}
		st = *got
	case config.HTTP, config.Archive:
		got, err := archive(c.Value)
		if err != nil {
			return nil
		}
		st = got
	default:
		return nil
	}
	def, err := st.Marshal(context.Background())
	if err != nil {
		return nil
	}
	var out []outside
	for _, data := range def.Def {
		op := &pb.Op{}
		if op.UnmarshalVT(data) != nil || op.GetSource() == nil {
			continue
		}
		if o, ok := outsideOf(op.GetSource()); ok {
			pin(held, op.GetSource())
			o.describe(op.GetSource())
			out = append(out, o)
		}
	}
	return out
}

// OutsideOf lists what definitions that a builder has made of a target take from
// outside. held says what of it is locked, and tag whether an image that has a digest
// in the definition is written with its tag only.
func OutsideOf(defs []*pb.Definition, held *lock.Lock, tag func(name, digest string) bool) []Outside {
	e := &engine{lock: held}
	var out []Outside
	for _, def := range defs {
		for _, data := range def.Def {
			op := &pb.Op{}
			if op.UnmarshalVT(data) != nil || op.GetSource() == nil {
				continue
			}
			o, ok := outsideOf(op.GetSource())
			if !ok {
				continue
			}
			if o.Kind == lock.Image {
				out = append(out, imageOf(op, o, tag))
				continue
			}
			pin(held, op.GetSource())
			o.describe(op.GetSource())
			out = append(out, e.known(o))
		}
	}
	return out
}

// imageOf is an image of a definition, whose digest its frontend has looked up unless
// it was written.
func imageOf(op *pb.Op, o outside, tag func(name, digest string) bool) Outside {
	one := Outside{Key: lock.Key{Kind: lock.Image, Name: o.Name}, Digest: o.Digest}
	written, _ := lock.SplitDigest(strings.TrimPrefix(op.GetSource().Identifier, "docker-image://"))
	if o.Digest != "" && (lock.Canonical(lock.Image, written) != written || !tag(written, o.Digest)) {
		one.Name = written + "@" + o.Digest
	}
	if p := op.Platform; p != nil {
		one.Platform = platforms.FormatAll(p.Spec())
	}
	return one
}

// RemoteOutside is what a URL or a git reference is in a lock; of an archive, it is the
// file. ok is false if it is neither.
func RemoteOutside(ref string) (one Outside, ok bool) {
	kind := config.HTTP
	if config.IsGit(ref) {
		kind = config.Git
	}
	for _, o := range contextSources(config.Context{Kind: kind, Value: ref}, nil) {
		return (&engine{}).known(o), true
	}
	return one, false
}

// Opaque says whether a target is converted by a builder alone, so that only a
// builder knows what it takes.
func (d *Digests) Opaque(b *planner.Build) bool { return opaque(b) }

// Refused is why the frontend refuses the target's Dockerfile, or "".
func (d *Digests) Refused(b *planner.Build) string {
	for _, p := range d.engine.results[b].platforms {
		if p.skeleton.Failed != "" {
			return p.skeleton.Failed
		}
	}
	return ""
}

// lockSum is equal for locks that give the same definitions; images are compared
// one by one.
func lockSum(l *lock.Lock) string {
	var fields []string
	for _, e := range l.Entries() {
		if e.Kind == lock.Git || e.Kind == lock.HTTP {
			fields = append(fields, e.Name, e.Digest)
		}
	}
	if fields == nil {
		return ""
	}
	return hash(fields...)
}

// noteOutside notes a source that is not of this machine.
func (w *walk) noteOutside(id string, src *pb.SourceOp) {
	o, ok := outsideOf(src)
	if !ok {
		return
	}
	o.Line = w.lineOfUse(id)
	pin(w.lock, src)
	if o.Kind != lock.Image {
		o.describe(src)
	}
	w.Outside = append(w.Outside, o)
}

// lineOfUse is the line of an operation, or else the first that takes it: an image that
// only a mount names has none of its own.
func (w *walk) lineOfUse(id string) int {
	first := w.line(id)
	if first > 0 {
		return first
	}
	for user, op := range w.ops {
		takes := slices.ContainsFunc(op.Inputs, func(in *pb.Input) bool { return in.Digest == id })
		if line := w.line(user); takes && line > 0 && (first == 0 || line < first) {
			first = line
		}
	}
	return first
}

// outsideOf is what a source is in a lock.
func outsideOf(src *pb.SourceOp) (outside, bool) {
	scheme, name, _ := strings.Cut(src.Identifier, "://")
	switch scheme {
	case "docker-image":
		plain, dgst := lock.SplitDigest(name)
		return outside{Kind: lock.Image, Name: lock.Canonical(lock.Image, plain), Digest: dgst}, true
	case "git":
		base, fragment, _ := strings.Cut(name, "#")
		ref, _, _ := strings.Cut(fragment, ":")
		remote := config.WithoutCredentials(cmp.Or(src.Attrs[pb.AttrFullRemoteURL], "https://"+base))
		o := outside{Kind: lock.Git, Name: lock.GitName(remote, ref), Digest: src.Attrs[pb.AttrGitChecksum]}
		if isCommit(ref) {
			o.Digest = ref
		}
		return o, true
	case "http", "https":
		plain := config.WithoutCredentials(src.Identifier)
		return outside{Kind: lock.HTTP, Name: plain, Digest: src.Attrs[pb.AttrHTTPChecksum], Secret: plain != src.Identifier}, true
	}
	return outside{}, false
}

// pin makes a source the one that the lock has in its place, as the builder will.
func pin(held *lock.Lock, src *pb.SourceOp) {
	if held == nil {
		return
	}
	o, ok := outsideOf(src)
	if !ok || o.Secret || o.Digest != "" {
		return
	}
	e := held.Get(o.Kind, o.Name)
	if e == nil {
		return
	}
	switch o.Kind {
	case lock.Git:
		base, fragment, _ := strings.Cut(src.Identifier, "#")
		_, dir, sub := strings.Cut(fragment, ":")
		src.Identifier = base + "#" + e.Digest
		if sub {
			src.Identifier += ":" + dir
		}
	case lock.HTTP:
		if src.Attrs == nil {
			src.Attrs = map[string]string{}
		}
		src.Attrs[pb.AttrHTTPChecksum] = e.Digest
	}
}
