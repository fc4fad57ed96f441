package digest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"

	"github.com/containerd/platforms"
	"github.com/distribution/reference"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/pb"
	godigest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/internal/imageconfig"
	"github.com/orch-build/orch/internal/ocilayout"
	"github.com/orch-build/orch/planner/dockerfile"
)

// frontend is the client that the linked frontend sees: it answers with what
// is known here, and has no builder behind it.
type frontend struct {
	opts   map[string]string
	inputs map[string]llb.State
	build  ocispecs.Platform // of the builder
	asking *asking
	// layouts are the images in OCI layouts, by the name of their store.
	layouts map[string]layout

	mu    sync.Mutex
	asked []asked
	seen  map[asked]bool
}

// asked is a question of the frontend with a sum of the answer: a conversion
// is the same as long as its questions have the same answers.
type asked struct {
	Ref      string `json:"ref"`
	Platform string `json:"platform,omitempty"`
	Answer   string `json:"answer"`
	// Digest and Unknown are parts of the answer.
	Digest  string `json:"digest,omitempty"`
	Unknown bool   `json:"unknown,omitempty"` // the configuration is
	Why     string `json:"why,omitempty"`     // and this is the reason
	// Triggers is true if what follows from the image may need more of the
	// Dockerfile.
	Triggers bool `json:"triggers,omitempty"`
}

var errNoBuilder = errors.New("only a builder can say this")

func (f *frontend) BuildOpts() gateway.BuildOpts {
	return gateway.BuildOpts{
		Opts:    maps.Clone(f.opts),
		Workers: []gateway.WorkerInfo{{Platforms: []ocispecs.Platform{f.build}}},
		LLBCaps: pb.Caps.CapSet(pb.Caps.All()),
		Caps:    gatewaypb.Caps.CapSet(gatewaypb.Caps.All()),
	}
}

func (f *frontend) Inputs(context.Context) (map[string]llb.State, error) { return f.inputs, nil }

func (f *frontend) ResolveImageConfig(ctx context.Context, ref string, opt sourceresolver.Opt) (string, godigest.Digest, []byte, error) {
	platform := platforms.Normalize(platforms.DefaultSpec())
	if opt.OCILayoutOpt != nil {
		if opt.OCILayoutOpt.Platform != nil {
			platform = *opt.OCILayoutOpt.Platform
		}
		l := f.layouts[opt.OCILayoutOpt.Store.StoreID]
		q := asked{Ref: layoutScheme + l.path, Platform: platforms.FormatAll(platform), Digest: l.digest}
		config, err := l.config(platform)
		if err != nil {
			// All else can be compared.
			q.Unknown, q.Why, config = true, err.Error(), anyConfig(platform)
		}
		config = dockerfile.PlainTriggers(config)
		q.Answer, q.Triggers = hash(string(config)), hasTriggers(config)
		f.note(q)
		return ref, godigest.Digest(l.digest), config, nil
	}
	if opt.ImageOpt != nil && opt.ImageOpt.Platform != nil {
		platform = *opt.ImageOpt.Platform
	}
	q, config := f.asking.question(ctx, ref, platform)
	f.note(q)
	return ref, godigest.Digest(q.Digest), config, nil
}

// contexts is the client that named contexts are read with. For a FROM the
// frontend itself puts the digest of the answer into the definition; for a context
// that is an image it does not, so that the name has to have it.
type contexts struct{ *frontend }

func (c contexts) ResolveImageConfig(ctx context.Context, ref string, opt sourceresolver.Opt) (string, godigest.Digest, []byte, error) {
	name, dgst, config, err := c.frontend.ResolveImageConfig(ctx, ref, opt)
	if err != nil || dgst == "" || opt.OCILayoutOpt != nil {
		return name, dgst, config, err
	}
	if named, bad := reference.ParseNormalizedNamed(name); bad == nil {
		if pinned, bad := reference.WithDigest(named, dgst); bad == nil {
			name = pinned.String()
		}
	}
	return name, dgst, config, nil
}

// question asks for an image, and returns the question with its answer and the
// configuration to go on with.
func (a *asking) question(ctx context.Context, ref string, platform ocispecs.Platform) (asked, []byte) {
	q := asked{Ref: ref, Platform: platforms.FormatAll(platform)}
	img, err := a.ask(ctx, ref, platform)
	if err != nil {
		img = Image{Digest: img.Digest}
		if !errors.Is(err, imageconfig.ErrUnknown) {
			q.Why = err.Error()
		}
	}
	q.Digest = img.Digest
	if q.Digest == "" {
		q.Digest = pinnedTo(ref)
	}
	if q.Unknown = img.Config == nil; q.Unknown {
		img.Config = anyConfig(platform)
	} else {
		img.Config = dockerfile.PlainTriggers(img.Config)
		q.Triggers = hasTriggers(img.Config)
	}
	q.Answer = hash(q.Digest, string(img.Config))
	return q, img.Config
}

// pinnedTo is the digest that a reference has, or "".
func pinnedTo(ref string) string {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return ""
	}
	if d, ok := named.(reference.Digested); ok {
		return d.Digest().String()
	}
	return ""
}

func (f *frontend) note(q asked) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.seen[q] {
		f.seen[q] = true
		f.asked = append(f.asked, q)
	}
}

func (f *frontend) ResolveSourceMetadata(context.Context, *pb.SourceOp, sourceresolver.Opt) (*sourceresolver.MetaResponse, error) {
	return nil, errNoBuilder
}

func (f *frontend) Solve(context.Context, gateway.SolveRequest) (*gateway.Result, error) {
	return nil, errNoBuilder
}

func (f *frontend) NewContainer(context.Context, gateway.NewContainerRequest) (gateway.Container, error) {
	return nil, errNoBuilder
}

func (f *frontend) Warn(context.Context, godigest.Digest, string, gateway.WarnOpts) error { return nil }

// layout is an image in an OCI layout folder.
type layout struct {
	path, digest string
	err          error // why it is not known
	files        ocilayout.Files
}

// layoutScheme begins the names of images in OCI layouts among the questions.
const layoutScheme = "oci-layout://"

// config is the configuration of the layout's image for a platform.
func (l layout) config(p ocispecs.Platform) ([]byte, error) {
	if l.err != nil || l.files == nil {
		return nil, l.err
	}
	data, err := l.blob(l.digest)
	if err != nil {
		return nil, err
	}
	return imageconfig.Find(data, p, func(d godigest.Digest, _ bool) ([]byte, error) { return l.blob(d.String()) })
}

func (l layout) blob(d string) ([]byte, error) {
	data, err := ocilayout.Blob(l.files, l.path, godigest.Digest(d))
	if err != nil {
		return nil, fmt.Errorf("reading the OCI layout %s: %w", l.path, err)
	}
	return data, nil
}
