// Package provenance says of a build what BuildKit would keep about it in its
// history, as bake's metadata file has it: from what was asked of the frontend,
// and from the definition that the frontend made. It knows nothing of targets,
// and asks the builder only what a git branch or the file of an HTTP server was,
// through a function that it is given.
package provenance

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/containerd/platforms"
	"github.com/moby/buildkit/identity"
	"github.com/moby/buildkit/solver"
	"github.com/moby/buildkit/solver/llbsolver/provenance"
	"github.com/moby/buildkit/solver/llbsolver/provenance/types"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// Request is what a frontend was asked for.
type Request struct {
	Frontend string
	Args     map[string]string
	// Inputs are the requests for results that it was handed.
	Inputs map[string]Request
}

// Image is a name and the image that it was resolved to.
type Image struct {
	Ref      string
	Digest   digest.Digest
	Platform *ocispecs.Platform
}

// Build is one result of a build.
type Build struct {
	Request
	Definition *pb.Definition
	// Images are those that were resolved on the way to the definition, by the
	// names that the Dockerfile has for them.
	Images []Image
	// Frontends are those that the builder has run.
	Frontends []Image
	// Incomplete is true if more was read than the definition says.
	Incomplete bool
	// Platform is the builder's own, Target the result's.
	Platform, Target string
	// DockerfileVersion is the frontend's, Compatibility the version of
	// the builder's definitions; zero where they are not known.
	DockerfileVersion string
	Compatibility     int
	Started, Finished time.Time
	// Secret gives the name of a secret as the Dockerfile has it; nil leaves
	// names alone.
	Secret func(id string) string
	// Max says also how the steps ran, and when.
	Max bool
	// Pin says what a git or HTTP source was when it was built.
	Pin func(context.Context, *pb.SourceOp) (string, error)
}

// Predicate is the provenance of the build, in the form of SLSA 0.2.
func Predicate(ctx context.Context, b Build) (*types.ProvenancePredicateSLSA02, error) {
	c := &provenance.Capture{TargetPlatform: b.Target, IncompleteMaterials: b.Incomplete}
	for _, data := range b.Definition.GetDef() {
		var op pb.Op
		if err := op.UnmarshalVT(data); err != nil {
			return nil, fmt.Errorf("reading a definition: %w", err)
		}
		if err := b.capture(ctx, c, &op); err != nil {
			return nil, err
		}
	}
	for _, img := range b.Frontends {
		c.AddImage(types.ImageSource{Ref: img.Ref, Platform: img.Platform, Digest: img.Digest})
	}
	if err := c.OptimizeImageSources(); err != nil {
		return nil, fmt.Errorf("reading the names of images: %w", err)
	}
	c.Sort()
	b.request(c)
	pred, err := provenance.NewPredicate(c)
	if err != nil {
		return nil, fmt.Errorf("writing provenance: %w", err)
	}
	pred.BuildDefinition.InternalParameters.BuilderPlatform = b.Platform
	pred.BuildDefinition.InternalParameters.DockerfileVersion = b.DockerfileVersion
	pred.BuildDefinition.ExternalParameters.Request.CompatibilityVersion = b.Compatibility
	if b.Max {
		if _, err := provenance.AddBuildConfig(ctx, pred, c, definition{b.Definition}, false); err != nil {
			return nil, fmt.Errorf("writing provenance: %w", err)
		}
		m := pred.RunDetails.Metadata
		m.InvocationID, m.StartedOn, m.FinishedOn = identity.NewID(), &b.Started, &b.Finished
	}
	out := pred.ConvertToSLSA02()
	if !b.Max {
		out.BuildConfig, out.Metadata = nil, nil
	}
	return out, nil
}

// request writes down what was asked for. It is there twice, as in bake's: as
// the request that the result comes from, and as that of the whole build.
func (b *Build) request(c *provenance.Capture) {
	own := request(b.Request, c.Sources)
	c.Request.Frontend = b.Frontend
	c.Request.Args = provenance.FilterArgs(b.Args)
	c.Request.Inputs = own.Request.Inputs
	root := own.Clone()
	root.Request.Frontend, root.Request.Inputs = "", nil
	if len(root.Request.Args) > 0 {
		c.Request.Root = root
	}
}

func request(r Request, sources types.Sources) *types.RequestProvenance {
	out := provenance.RequestProvenance(r.Frontend, provenance.FilterArgs(r.Args), sources)
	for name, in := range r.Inputs {
		if out.Request.Inputs == nil {
			out.Request.Inputs = map[string]*types.RequestProvenance{}
		}
		out.Request.Inputs[name] = request(in, sources)
	}
	return out
}

// capture writes down what a step reads.
func (b *Build) capture(ctx context.Context, c *provenance.Capture, op *pb.Op) error {
	if src := op.GetSource(); src != nil {
		return b.source(ctx, c, src, op.Platform)
	}
	if op.GetBuild() != nil {
		c.IncompleteMaterials = true
	}
	exec := op.GetExec()
	if exec == nil {
		return nil
	}
	for _, m := range exec.Mounts {
		switch m.MountType {
		case pb.MountType_SECRET:
			c.AddSecret(types.Secret{ID: b.secret(m.SecretOpt.GetID()), Optional: m.SecretOpt.GetOptional()})
		case pb.MountType_SSH:
			c.AddSSH(types.SSH{ID: b.secret(m.SSHOpt.GetID()), Optional: m.SSHOpt.GetOptional()})
		}
	}
	for _, s := range exec.Secretenv {
		c.AddSecret(types.Secret{ID: b.secret(s.GetID()), Optional: s.GetOptional()})
	}
	if exec.Network != pb.NetMode_NONE {
		c.NetworkAccess = true
	}
	return nil
}

func (b *Build) secret(id string) string {
	if b.Secret == nil {
		return id
	}
	return b.Secret(id)
}

func (b *Build) source(ctx context.Context, c *provenance.Capture, src *pb.SourceOp, platform *pb.Platform) error {
	scheme, rest, _ := strings.Cut(src.Identifier, "://")
	switch scheme {
	case "local":
		c.AddLocal(types.LocalSource{Name: rest})
	case "docker-image", "oci-layout":
		b.image(c, rest, scheme == "oci-layout", platform)
	case "git":
		b.git(ctx, c, src, rest)
	case "http", "https":
		dgst, err := digest.Parse(b.pin(ctx, src))
		if err != nil {
			c.IncompleteMaterials = true
			return nil
		}
		c.AddHTTP(types.HTTPSource{URL: src.Identifier, Digest: dgst})
	default:
		c.IncompleteMaterials = true
	}
	return nil
}

// image adds an image under the name that the Dockerfile has for it, where that
// is known, and else under the one that the definition has.
func (b *Build) image(c *provenance.Capture, ref string, local bool, platform *pb.Platform) {
	p := ociPlatform(platform)
	name, sum, _ := strings.Cut(ref, "@")
	for _, img := range b.Images {
		if img.Ref != ref && (img.Ref != name || img.Digest.String() != sum) {
			continue
		}
		if img.Platform != nil && p != nil && !platforms.OnlyStrict(*p).Match(*img.Platform) {
			continue
		}
		c.AddImage(types.ImageSource{Ref: img.Ref, Platform: img.Platform, Digest: img.Digest, Local: local})
		return
	}
	dgst, err := digest.Parse(sum)
	if err != nil {
		c.IncompleteMaterials = true
		return
	}
	c.AddImage(types.ImageSource{Ref: ref, Platform: p, Digest: dgst, Local: local})
}

func (b *Build) git(ctx context.Context, c *provenance.Capture, src *pb.SourceOp, rest string) {
	remote, fragment, _ := strings.Cut(rest, "#")
	if full := src.Attrs[pb.AttrFullRemoteURL]; full != "" {
		remote = full
	}
	if ref, _, _ := strings.Cut(fragment, ":"); ref != "" {
		remote += "#" + ref
	}
	for _, key := range []string{pb.AttrAuthTokenSecret, pb.AttrAuthHeaderSecret} {
		if id := src.Attrs[key]; id != "" {
			c.AddSecret(types.Secret{ID: id, Optional: true})
		}
	}
	if id := src.Attrs[pb.AttrMountSSHSock]; id != "" {
		c.AddSSH(types.SSH{ID: id, Optional: true})
	}
	commit := b.pin(ctx, src)
	if commit == "" {
		c.IncompleteMaterials = true
		return
	}
	c.AddGit(types.GitSource{URL: remote, Commit: commit})
}

// pin is the commit or the digest of a source; "" if the builder does not say.
func (b *Build) pin(ctx context.Context, src *pb.SourceOp) string {
	if sum := src.Attrs[pb.AttrHTTPChecksum]; sum != "" {
		return sum
	}
	if b.Pin == nil {
		return ""
	}
	pin, err := b.Pin(ctx, src)
	if err != nil {
		return ""
	}
	return pin
}

func ociPlatform(p *pb.Platform) *ocispecs.Platform {
	if p == nil {
		return nil
	}
	return &ocispecs.Platform{
		OS: p.OS, Architecture: p.Architecture, Variant: p.Variant,
		OSVersion: p.OSVersion, OSFeatures: p.OSFeatures,
	}
}

// definition is a result that has nothing but its definition.
type definition struct{ def *pb.Definition }

var _ solver.ResultProxy = definition{}

func (d definition) Definition() *pb.Definition                        { return d.def }
func (definition) ID() string                                          { return "" }
func (definition) Provenance() any                                     { return nil }
func (definition) Release(context.Context) error                       { return nil }
func (definition) Result(context.Context) (solver.CachedResult, error) { return nil, nil }

// Key is the name of the provenance in bake's metadata file; platform is "" for
// a result of only one.
func Key(platform string) string {
	const key = "buildx.build.provenance"
	if platform == "" {
		return key
	}
	return key + "/" + platform
}
