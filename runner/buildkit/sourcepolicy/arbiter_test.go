package sourcepolicy

import (
	"context"
	"errors"
	"strings"
	"testing"

	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/pb"
	spb "github.com/moby/buildkit/sourcepolicy/pb"
	"github.com/moby/buildkit/sourcepolicy/policysession"
	"github.com/moby/buildkit/util/apicaps"
	capspb "github.com/moby/buildkit/util/apicaps/pb"
)

// decider is a policy that denies one source.
func decider(key, denied string, asked *[]string) *Arbiter {
	return &Arbiter{
		policy: &Policy{
			Key: key, Name: key,
			Check: func(_ context.Context, req *policysession.CheckPolicyRequest) (*policysession.DecisionResponse, *gatewaypb.ResolveSourceMetaRequest, error) {
				id := req.Source.Source.Identifier
				*asked = append(*asked, id)
				if id == denied {
					return &policysession.DecisionResponse{Action: spb.PolicyAction_DENY}, nil, nil
				}
				return &policysession.DecisionResponse{Action: spb.PolicyAction_ALLOW}, nil, nil
			},
			Denial: func(string) (string, []string) { return "p.rego", []string{"no"} },
		},
		names:     map[string][]string{"local://ctx-1": {"context", "src"}},
		decisions: Decisions{}, denials: map[string]*Denial{},
	}
}

func question(id string) *policysession.CheckPolicyRequest {
	return &policysession.CheckPolicyRequest{Source: &gatewaypb.ResolveSourceMetaResponse{
		Source: &pb.SourceOp{Identifier: id, Attrs: map[string]string{"local.session": "x"}},
	}}
}

// TestNames holds that a folder is judged by each of the names that bake has
// for it, each once, and that a denial is reported by that name.
func TestNames(t *testing.T) {
	var asked []string
	j := decider("k", "local://src", &asked)
	for range 2 {
		d, _, err := j.Check(t.Context(), question("local://ctx-1"))
		if err != nil || d.Action != spb.PolicyAction_DENY {
			t.Fatal(d, err)
		}
	}
	if got := strings.Join(asked, " "); got != "local://context local://src" {
		t.Errorf("asked about %s", got)
	}
	err := j.Judged(errors.New(`solving: source "local://ctx-1" not allowed by policy: action DENY`))
	if want := "The policy p.rego does not allow the context src:\n  no"; err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
	if err := j.Judged(errors.New("another")); err.Error() != "another" {
		t.Error(err)
	}
}

// TestTakeIn holds which targets may share a session.
func TestTakeIn(t *testing.T) {
	var asked []string
	other := decider("k", "", &asked)
	other.names = map[string][]string{"local://ctx-2": {"context"}}
	differs := decider("k", "", &asked)
	differs.names = map[string][]string{"local://ctx-1": {"context"}}
	j := decider("k", "", &asked)
	for name, c := range map[string]struct {
		with *Arbiter
		want bool
	}{
		"equal": {decider("k", "", &asked), true}, "more folders": {other, true}, "other names": {differs, false},
		"another policy": {decider("l", "", &asked), false}, "none": {nil, false},
	} {
		if got := j.TakeIn(c.with); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
	var none *Arbiter
	if !none.TakeIn(nil) || none.TakeIn(j) {
		t.Error("targets without a policy share their session with none that has one")
	}
	if len(j.names) != 2 {
		t.Errorf("%v", j.names)
	}
}

// TestSupported checks what happens to a policy on a builder that is too old to
// ask it.
func TestSupported(t *testing.T) {
	var asked []string
	caps := func(without apicaps.CapID) apicaps.CapSet {
		var list []*capspb.APICap
		for _, c := range pb.Caps.All() {
			if c.ID != string(without) {
				list = append(list, c)
			}
		}
		return pb.Caps.CapSet(list)
	}
	j := decider("k", "", &asked)
	if warning, err := j.Supported(caps(""), "b"); warning != "" || err != nil {
		t.Error(warning, err)
	}
	if warning, err := j.Supported(caps(pb.CapSourcePolicySession), "b"); err != nil || !strings.Contains(warning, "BuildKit v0.27") {
		t.Error(warning, err)
	}
	j.policy.Strict = true
	if _, err := j.Supported(caps(pb.CapSourcePolicySession), "b"); err == nil || !strings.Contains(err.Error(), "strict") {
		t.Error(err)
	}
	j.policy.ProxyNetwork = true
	if _, err := j.Supported(caps(pb.CapExecMetaNetworkProxy), "b"); err == nil || !strings.Contains(err.Error(), "BuildKit v0.31") {
		t.Error(err)
	}
	var none *Arbiter
	if warning, err := none.Supported(caps(pb.CapSourcePolicySession), "b"); warning != "" || err != nil {
		t.Error(warning, err)
	}
}
