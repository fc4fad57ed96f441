package buildkit

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"
	spb "github.com/moby/buildkit/sourcepolicy/pb"

	"github.com/orch-build/orch/internal/definition"
	"github.com/orch-build/orch/runner/buildkit/faults"
	"github.com/orch-build/orch/runner/buildkit/frontend"
	"github.com/orch-build/orch/runner/buildkit/sourcepolicy"
	"github.com/orch-build/orch/runner/history"
)

// A target that gets attestations is exported through the builder's own
// frontend, because what that says of the build is what the attestations are
// made of. What it makes has to be what was run and tested, so that where it
// makes something else than the linked frontend, its result is the one that is
// run and tested, that linked targets start from, and that is exported.

// builderFrontend is the name of the frontend that is part of every builder.
const builderFrontend = "dockerfile.v0"

// oneFrontend returns the result that the whole run of the target is to use:
// res, which the linked frontend made, or that of the builder's own frontend
// if the two differ. Nothing is asked if both are of one version, or if
// nothing is exported through the builder's.
func (t *target) oneFrontend(ctx context.Context, res *gateway.Result) (*gateway.Result, error) {
	if t.foreign() || !t.attested() {
		return res, nil
	}
	if t.badTrigger != "" {
		return nil, fmt.Errorf("base image: the ONBUILD trigger %q has a \"# check=\" comment, on which the builder's own frontend fails; "+
			"build it without attestations (--provenance=false --sbom=false)", t.badTrigger)
	}
	if t.run.builder.SameFrontend.Load() {
		return res, nil
	}
	theirs, err := t.ask(ctx, t.anchor.gateway, builderFrontend, t.opts)
	if err != nil {
		return nil, err
	}
	same, err := t.same(ctx, res, theirs)
	if err != nil || same {
		return res, err
	}
	t.defs = map[gateway.Reference]*pb.Definition{}
	t.theirs = true
	return theirs, nil
}

// attestedOptions are the options of the target for the builder's own
// frontend, with what it is to attest.
func (t *target) attestedOptions(ctx context.Context, attests map[string]string) map[string]string {
	opts := maps.Clone(t.opts)
	maps.Copy(opts, attests)
	t.run.facts.AddInfo(ctx, t.plan, opts)
	t.run.facts.MaskProxies(t.plan, opts)
	if t.foreign() {
		// Its files are those that the anchor has read.
		for name := range t.anchor.folders {
			opts["local-sessionid:"+name] = t.anchor.session.ID()
		}
	}
	return opts
}

// attest has the builder's own frontend make the result again, in the Build of
// the export.
func (t *target) attest(ctx context.Context, gw gateway.Client, opts map[string]string) (*gateway.Result, error) {
	res, same, err := t.askSame(ctx, gw, opts)
	if err != nil {
		return nil, err
	}
	if whole := maps.Clone(opts); !same {
		// Where the Dockerfile uses a proxy as an argument, its steps are others
		// without the credentials.
		if maps.Copy(whole, t.opts); !maps.Equal(whole, opts) {
			if res, same, err = t.askSame(ctx, gw, whole); err != nil {
				return nil, err
			}
		}
	}
	if !same {
		t.run.builder.SameFrontend.Store(false)
		return nil, faults.ErrOtherDefinition
	}
	return res, nil
}

// askSame has the builder's own frontend read the target, and says whether its
// result is what was run.
func (t *target) askSame(ctx context.Context, gw gateway.Client, opts map[string]string) (*gateway.Result, bool, error) {
	res, err := t.ask(ctx, gw, builderFrontend, opts)
	if err == nil {
		err = t.beginHistory(res)
	}
	if err != nil {
		return nil, false, err
	}
	same, err := t.same(ctx, t.result, res)
	return res, same, err
}

// ask has a frontend on the builder read the target.
func (t *target) ask(ctx context.Context, gw gateway.Client, frontend string, opts map[string]string) (*gateway.Result, error) {
	inputs := map[string]*pb.Definition{}
	for name, st := range t.inputs {
		def, err := st.Marshal(ctx)
		if err != nil {
			return nil, fmt.Errorf("handing over %s: %w", name, err)
		}
		inputs[name] = def.ToPB()
	}
	return gw.Solve(ctx, gateway.SolveRequest{Frontend: frontend, FrontendOpt: opts, FrontendInputs: inputs})
}

// same says whether two results of the target are the same, platform by
// platform.
func (t *target) same(ctx context.Context, a, b *gateway.Result) (bool, error) {
	left, err := t.byPlatform(ctx, a)
	if err != nil {
		return false, err
	}
	right, err := t.byPlatform(ctx, b)
	if err != nil || len(left) != len(right) {
		return false, err
	}
	for i := range left {
		if same, err := definition.Same(left[i], right[i]); err != nil || !same {
			return false, err
		}
	}
	return true, nil
}

// byPlatform are the definitions of a result, in the order of its platforms; nil stands
// for an empty one.
func (t *target) byPlatform(ctx context.Context, res *gateway.Result) ([]*pb.Definition, error) {
	ids, err := frontend.Platforms(res)
	if err != nil {
		return nil, err
	}
	var out []*pb.Definition
	for _, id := range ids {
		ref := res.Ref
		if id != "" {
			ref = res.Refs[id]
		}
		def, err := t.definition(ctx, ref)
		if err != nil {
			return nil, err
		}
		out = append(out, def)
	}
	return out, nil
}

// pinned is the policy for the export of a target through the builder's own
// frontend: a tag means the image that was run and tested, wherever it points
// to by now. A policy of the user's is not added to, as it may not know images
// by their digests.
func (t *target) pinned(ctx context.Context) (*sourcepolicy.Static, error) {
	if t.run.judged {
		return t.run.opt.SourcePolicy, nil
	}
	defs, err := t.definitions(ctx)
	if err != nil {
		return nil, err
	}
	pins, err := definition.Pins(defs)
	if err != nil || len(pins) == 0 {
		return t.run.opt.SourcePolicy, err
	}
	policy := &sourcepolicy.Static{}
	if held := t.run.opt.SourcePolicy; held != nil {
		policy = held.CloneVT()
	}
	for _, pin := range pins {
		policy.Rules = append(policy.Rules, &spb.Rule{
			Action:   spb.PolicyAction_CONVERT,
			Selector: &spb.Selector{Identifier: pin.Name, MatchType: spb.MatchType_EXACT},
			Updates:  &spb.Update{Identifier: pin.Pinned},
		})
	}
	return policy, nil
}

// beginHistory adds the line for a folder that the image starts from to the
// configurations of a result.
func (t *target) beginHistory(res *gateway.Result) error {
	if t.foreign() || len(t.plan.Stages) == 0 {
		return nil
	}
	for key, config := range res.Metadata {
		if key != exptypes.ExporterImageConfigKey && !strings.HasPrefix(key, exptypes.ExporterImageConfigKey+"/") {
			continue
		}
		from, ok := t.plan.FolderBelow(strings.TrimPrefix(key, exptypes.ExporterImageConfigKey+"/"))
		if !ok {
			continue
		}
		filled, err := history.Begin(config, from)
		if err != nil {
			return err
		}
		res.Metadata[key] = filled
	}
	return nil
}
