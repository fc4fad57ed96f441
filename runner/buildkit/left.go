package buildkit

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	digest "github.com/opencontainers/go-digest"

	"github.com/orch-build/orch/internal/definition"
	"github.com/orch-build/orch/runner/buildkit/exports"
	"github.com/orch-build/orch/runner/buildkit/frontend"
	"github.com/orch-build/orch/runner/engine/engineout"
	"github.com/orch-build/orch/runner/engine/keptimage"
)

// An image that a Docker Engine has already is left where it is: to write it again
// takes longer than all else of a target in which nothing has changed, and gives it
// another digest where it is attested, as that says when it was built. It is left if
// it is there, if what goes into the target and how it is written is what it was, and
// if the builder had the result in its cache.

// left is an image that may be left in the engine.
type left struct {
	target *target
	engine string
	names  string
	of     string
}

// leaves returns what the image of a group of exports is known by; nil if it has to be
// written in any case.
func (t *target) leaves(ctx context.Context, group []exports.Entry, opt client.SolveOpt) (*left, error) {
	e := t.run.builder.Engine
	if e == nil || e.Info.ID == "" || t.run.opt.Kept == "" || t.run.opt.Sum == nil || t.parted || t.anchor.judge.Proxies() ||
		len(group) != 1 || len(opt.CacheExports) > 0 {
		return nil, nil
	}
	one := group[0]
	if one.Type != engineout.Exporter || one.Attrs["name"] == "" || one.Attrs["push"] != "" {
		return nil, nil
	}
	made := t.run.opt.Sum(t.plan.Name())
	if made == "" {
		return nil, nil
	}
	sums, err := t.sums(ctx)
	if err != nil || sums == nil {
		return nil, err
	}
	attested := map[string]string{}
	if attests := t.attestations().Of(exports.Written(group)); len(attests) > 0 {
		attested = t.attestedOptions(ctx, attests)
	}
	data, err := json.Marshal(struct {
		Builder, Engine, Made string
		Sums                  map[string]digest.Digest
		Metadata              map[string][]byte
		Attrs, Attested       map[string]string
	}{t.run.builder.Version, e.Info.Version, made, sums, t.result.Metadata, one.Attrs, attested})
	if err != nil {
		return nil, err
	}
	return &left{t, e.Info.ID, one.Attrs["name"], digest.FromBytes(data).String()}, nil
}

// sums are the sums of the definitions of the target's platforms; nil if one is empty.
// What of a folder a session brings depends on the other targets of the run; what the
// target reads of it is in the digest that it is made of.
func (t *target) sums(ctx context.Context) (map[string]digest.Digest, error) {
	return eachPlatform(t, func(ref gateway.Reference) (digest.Digest, bool, error) {
		def, err := t.definition(ctx, ref)
		if err != nil || def == nil {
			return "", false, err
		}
		sum, err := definition.SumAnywhere(def)
		return sum, sum != "", err
	})
}

// cached says whether the builder had the result of each platform in its cache.
func (t *target) cached(ctx context.Context) (bool, error) {
	all, err := eachPlatform(t, func(ref gateway.Reference) (bool, bool, error) {
		def, err := t.definition(ctx, ref)
		if err != nil || def == nil {
			return false, false, err
		}
		root, _, err := definition.Root(def)
		if err != nil {
			return false, false, err
		}
		step, _ := t.run.steps.Over(root)
		return true, step.Cached && step.Error == "", nil
	})
	return all != nil, err
}

// eachPlatform calls f for the result of each platform; nil if it is not good for all.
func eachPlatform[V any](t *target, f func(gateway.Reference) (V, bool, error)) (map[string]V, error) {
	ids, err := frontend.Platforms(t.result)
	if err != nil {
		return nil, err
	}
	out := map[string]V{}
	for _, id := range ids {
		ref := t.result.Ref
		if id != "" {
			ref = t.result.Refs[id]
		}
		v, good, err := f(ref)
		if err != nil || !good {
			return nil, err
		}
		out[id] = v
	}
	return out, nil
}

// response is what the builder said when it wrote the image; nil if it has to be
// written. That the engine does not say what it has is no error: the image is written
// then. Names that have been taken away, or given to another image, are given back.
func (l *left) response(ctx context.Context) map[string]string {
	if l == nil {
		return nil
	}
	t := l.target
	image := t.run.opt.Kept.Load(l.engine, l.names)
	if image == nil || image.Of != l.of {
		return nil
	}
	if cached, err := t.cached(ctx); err != nil || !cached {
		return nil
	}
	e, id := t.run.builder.Engine, image.Response[exptypes.ExporterImageDigestKey]
	var lost []string
	for name := range strings.SplitSeq(l.names, ",") {
		now, err := e.ImageID(ctx, name)
		if err != nil {
			return nil
		}
		if now != id {
			lost = append(lost, name)
		}
	}
	if len(lost) == 0 {
		return image.Response
	}
	if there, err := e.ImageID(ctx, id); err != nil || there != id {
		return nil
	}
	for _, name := range lost {
		if e.Tag(ctx, id, name) != nil {
			return nil
		}
	}
	return image.Response
}

// save remembers what was written.
func (l *left) save(response map[string]string) {
	if l != nil && response[exptypes.ExporterImageDigestKey] != "" {
		l.target.run.opt.Kept.Save(l.engine, l.names, keptimage.Image{Of: l.of, Response: response})
	}
}
