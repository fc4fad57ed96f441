package buildkit

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/version"
	"github.com/moby/buildkit/solver/llbsolver/compat"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"

	"github.com/orch-build/orch/runner/buildkit/frontend"
	"github.com/orch-build/orch/runner/provenance"
)

// ProvenanceMode says how much of a target's provenance is wanted.
type ProvenanceMode int

// The modes of bake's metadata file.
const (
	NoProvenance  ProvenanceMode = iota
	MinProvenance                // what was asked for, and the materials
	MaxProvenance                // the steps and the run too
)

// noteImage keeps what a name was resolved to.
func (t *target) noteImage(ref string, dgst digest.Digest, opt sourceresolver.Opt) {
	img := provenance.Image{Ref: ref, Digest: dgst}
	if opt.ImageOpt != nil {
		img.Platform = opt.ImageOpt.Platform
	} else if opt.OCILayoutOpt != nil {
		img.Platform = opt.OCILayoutOpt.Platform
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.images = append(t.images, img)
}

// noteTag keeps the name of an image that the frontend asks for by a tag.
func (t *target) noteTag(ref string) {
	if strings.Contains(ref, "@") {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tags[ref] = true
}

// allImages are those that were resolved for the target, and for the targets that
// it is built on.
func (t *target) allImages() []provenance.Image {
	out := slices.Clone(t.images)
	for _, b := range t.plan.Links {
		out = append(out, t.run.targets[b].allImages()...)
	}
	return out
}

// allFrontends are those that the builder has run for the target, and for the targets
// that it is built on.
func (t *target) allFrontends() []provenance.Image {
	var out []provenance.Image
	if t.frontend != nil {
		out = append(out, *t.frontend)
	}
	for _, b := range t.plan.Links {
		out = append(out, t.run.targets[b].allFrontends()...)
	}
	return out
}

// noteFrontend keeps which image the builder has run as the frontend. That it cannot be
// told is left to provenance, which is without it then.
func (t *target) noteFrontend(ctx context.Context, name string) {
	if t.run.opt.Provenance == NoProvenance {
		return
	}
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return
	}
	ref, dgst, _, err := t.anchor.gateway.ResolveImageConfig(ctx, reference.TagNameOnly(named).String(), sourceresolver.Opt{})
	if err != nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.frontend = &provenance.Image{Ref: ref, Digest: dgst}
}

// takeProvenance adds the provenance of the target to its metadata. It is made
// here: a record of the builder's history, which bake reads, costs as much time as
// a build that changes nothing.
func (t *target) takeProvenance(ctx context.Context, start time.Time) error {
	if t.run.opt.Provenance == NoProvenance {
		return nil
	}
	ids, err := frontend.Platforms(t.result)
	if err != nil {
		return err
	}
	b := provenance.Build{
		Request: t.request(ctx), Images: t.allImages(), Frontends: t.allFrontends(),
		Incomplete: t.plan.Dockerfile != nil, // as it comes from here
		Platform:   t.run.builder.Platform, Started: start, Finished: time.Now(),
		Secret: t.secretName, Pin: t.pinOf,
	}
	if !t.foreign() && !t.theirs {
		b.DockerfileVersion = strings.TrimSuffix(version.Version(), "-dev") // linked is a release
	}
	if t.run.builder.SameFrontend.Load() {
		b.Compatibility = compat.CompatibilityVersionCurrent
	}
	b.Max = t.run.opt.Provenance == MaxProvenance
	for _, id := range ids {
		ref := t.result.Ref
		if id != "" {
			ref, b.Target = t.result.Refs[id], id
		}
		if b.Definition, err = t.definition(ctx, ref); err != nil {
			return err
		}
		if b.Definition == nil {
			continue // an image without files
		}
		pred, err := provenance.Predicate(ctx, b)
		if err != nil {
			return err
		}
		masked, err := t.run.opt.Mask.JSON(pred)
		if err != nil {
			return fmt.Errorf("writing provenance: %w", err)
		}
		t.addMetadata(map[string]any{provenance.Key(id): masked})
	}
	return nil
}

// request is what the frontend was asked for, with the requests of the targets
// that this one is built on.
func (t *target) request(ctx context.Context) provenance.Request {
	r := provenance.Request{Frontend: builderFrontend, Args: maps.Clone(t.opts)}
	t.run.facts.AddInfo(ctx, t.plan, r.Args)
	t.run.facts.MaskProxies(t.plan, r.Args)
	if t.plan.Target.Part {
		delete(r.Args, "multi-platform") // nobody has asked for it
	}
	if t.foreign() {
		r.Frontend = "gateway.v0"
		r.Args["cmdline"] = t.syntax()
		r.Args["source"], _, _ = strings.Cut(t.syntax(), " ")
	}
	for _, b := range t.plan.Links {
		if r.Inputs == nil {
			r.Inputs = map[string]provenance.Request{}
		}
		r.Inputs["target:"+b.Name()] = t.run.targets[b].request(ctx)
	}
	return r
}

// secretName is the name that the target has for a secret or an agent, whatever
// it is called in the run.
func (t *target) secretName(id string) string {
	if s, ok := t.aliases[id]; ok {
		return s.ID
	}
	return id
}

// pinOf asks the builder what a source was, which it has fetched in this run.
func (t *target) pinOf(ctx context.Context, src *pb.SourceOp) (string, error) {
	c := &recorder{Client: t.anchor.gateway, target: t}
	res, err := c.ResolveSourceMetadata(ctx, src, sourceresolver.Opt{})
	switch {
	case err != nil:
		return "", fmt.Errorf("asking what %s was: %w", src.Identifier, err)
	case res.Git != nil && res.Git.CommitChecksum != "":
		return res.Git.CommitChecksum, nil
	case res.Git != nil:
		return res.Git.Checksum, nil
	case res.HTTP != nil:
		return res.HTTP.Digest.String(), nil
	}
	return "", errors.New("the builder does not say")
}
