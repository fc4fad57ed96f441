package sourcepolicy

import (
	"context"

	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/sourcepolicy"
	spb "github.com/moby/buildkit/sourcepolicy/pb"
	digest "github.com/opencontainers/go-digest"
)

// Apply converts the sources of a definition as the builder will. Steps above a
// source that is converted get other digests, and what the builder reports of them
// has these. What the policy denies is left to the builder, which says so.
func Apply(ctx context.Context, policy *Static, def *pb.Definition) (*pb.Definition, error) {
	if policy == nil || def == nil {
		return def, nil
	}
	engine := sourcepolicy.NewEngine([]*spb.Policy{policy})
	out := def.CloneVT()
	now := make(map[string]string, len(def.Def)) // digests, by those of before
	changed := false
	for i, data := range def.Def {
		op := &pb.Op{}
		if err := op.UnmarshalVT(data); err != nil {
			return nil, err
		}
		mutated := false
		if src := op.GetSource(); src != nil {
			var err error
			if mutated, err = engine.Evaluate(ctx, src); err != nil {
				return def, nil
			}
		}
		for _, in := range op.Inputs {
			if d := now[in.Digest]; d != "" && d != in.Digest {
				in.Digest, mutated = d, true
			}
		}
		before := digest.FromBytes(data).String()
		now[before] = before
		if !mutated {
			continue
		}
		text, err := op.Marshal()
		if err != nil {
			return nil, err
		}
		out.Def[i], now[before], changed = text, digest.FromBytes(text).String(), true
	}
	if !changed {
		return def, nil
	}
	out.Metadata = renamed(out.Metadata, now)
	if out.Source != nil {
		out.Source.Locations = renamed(out.Source.Locations, now)
	}
	return out, nil
}

// renamed is a map with the digests that its keys have now.
func renamed[V any](old map[string]V, now map[string]string) map[string]V {
	out := make(map[string]V, len(old))
	for key, v := range old {
		if d, ok := now[key]; ok {
			key = d
		}
		out[key] = v
	}
	return out
}
