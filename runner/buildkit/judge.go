package buildkit

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/moby/buildkit/client"
	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/solver/pb"
	spb "github.com/moby/buildkit/sourcepolicy/pb"
	"github.com/moby/buildkit/sourcepolicy/policysession"
	"github.com/moby/buildkit/util/apicaps"

	"github.com/orch-build/orch/planner"
)

// Policy judges the sources of the targets that are under it.
type Policy struct {
	// Key is equal for policies that decide the same; only targets with equal
	// keys share a session, in which one policy is asked.
	Key string
	// Name is how messages call it.
	Name string
	// Check judges a source, or says what has to be known of it first.
	Check policysession.PolicyCallback
	// Denial returns which policy denied a source, and its messages.
	Denial func(source string) (policy string, messages []string)
	// Strict says that a builder which cannot ask is an error.
	Strict bool
	// ProxyNetwork has the builder ask about what steps fetch, too.
	ProxyNetwork bool
	// Close ends what the policy has opened.
	Close func() error
}

// PolicyHost is what a run gives to a policy.
type PolicyHost struct {
	Client   *client.Client
	Platform string // of the builder
	// Session has the target's credentials.
	Session func() ([]session.Attachable, error)
	// Log begins the log of a decision.
	Log func(source string) (line func(string), end func(denied bool))
}

// arbiter is a policy in a session. A nil arbiter allows everything.
type arbiter struct {
	policy *Policy
	// names are what bake calls the local sources, by what they are called
	// here: one folder is sent once, whatever it is called in each target.
	names map[string][]string

	mu        sync.Mutex
	decisions map[string]*policysession.DecisionResponse
	denials   map[string]*Denial
}

// underPolicy says whether the builder has to be asked about a target, because
// a policy judges what is looked at.
func underPolicy(b *planner.Build) bool {
	return !b.Policies.Empty() || b.Policies != nil && (b.Policies.Unseen != "" || b.Policies.Lost != nil)
}

// judgeOf returns what judges a target, or nil.
func (r *run) judgeOf(ctx context.Context, t *target) (*arbiter, error) {
	b := t.plan
	if t.lost() != nil {
		return nil, nil // which ends it before anything is asked
	}
	if b.Policies.Empty() {
		if b.Policies != nil && b.Policies.Unseen != "" {
			return nil, fmt.Errorf("nobody has looked for the policy %s in its context", b.Policies.Unseen)
		}
		return nil, nil
	}
	if r.opt.Policy == nil {
		return nil, errors.New("there is nothing here that evaluates its policies")
	}
	p, err := r.opt.Policy(ctx, b, PolicyHost{
		Client: r.builder.Client(), Platform: r.builder.Platform,
		Session: func() ([]session.Attachable, error) {
			creds := newCredentials()
			creds.add(b.Target)
			return r.attachables(creds)
		},
		Log: func(source string) (func(string), func(bool)) {
			return r.steps.Decision(shownSource(source))
		},
	})
	if err != nil {
		return nil, err
	}
	j := &arbiter{
		policy: p, names: map[string][]string{},
		decisions: map[string]*policysession.DecisionResponse{}, denials: map[string]*Denial{},
	}
	j.addNames(b, map[*planner.Build]bool{})
	return j, nil
}

// addNames adds the local sources of a build and of those that it is made of,
// which the builder asks about too.
func (j *arbiter) addNames(b *planner.Build, seen map[*planner.Build]bool) {
	if seen[b] {
		return
	}
	seen[b] = true
	add := func(l *planner.Local, name string) {
		id := "local://" + l.Name
		if !slices.Contains(j.names[id], name) {
			j.names[id] = append(j.names[id], name)
			slices.Sort(j.names[id])
		}
	}
	if b.Context != nil {
		add(b.Context, contextMount)
	}
	for name, l := range b.Contexts {
		add(l, mountName(name))
	}
	for _, in := range b.Inputs {
		j.addNames(in, seen)
	}
}

// lost is why nothing is known of the policies of the target, or nil.
func (t *target) lost() error {
	if t.plan.Policies == nil {
		return nil
	}
	return t.plan.Policies.Lost
}

// takeIn makes one arbiter of two that decide the same, or returns false.
func (j *arbiter) takeIn(other *arbiter) bool {
	if j == nil || other == nil {
		return j == other
	}
	if j.policy.Key != other.policy.Key {
		return false
	}
	for id, names := range other.names {
		if have, ok := j.names[id]; ok && !slices.Equal(have, names) {
			return false
		}
	}
	maps.Copy(j.names, other.names)
	return true
}

// on has a solve judged.
func (j *arbiter) on(opt *client.SolveOpt) {
	if j != nil {
		opt.SourcePolicyProvider = policysession.NewPolicyProvider(j.check)
		opt.ProxyNetwork = j.policy.ProxyNetwork
	}
}

// supported says whether a builder can ask. If it cannot, that is an error, or
// a warning.
func (j *arbiter) supported(caps apicaps.CapSet, builder string) (warning string, err error) {
	if j == nil {
		return "", nil
	}
	if j.policy.ProxyNetwork && caps.Supports(pb.CapExecMetaNetworkProxy) != nil {
		return "", fmt.Errorf("the policy %s wants what steps fetch to be judged, and the builder %s cannot do that; it takes BuildKit v0.31 or later", j.policy.Name, builder)
	}
	if caps.Supports(pb.CapSourcePolicySession) == nil {
		return "", nil
	}
	if j.policy.Strict {
		return "", fmt.Errorf("the policy %s is strict, and the builder %s cannot ask it; it takes BuildKit v0.27 or later", j.policy.Name, builder)
	}
	return fmt.Sprintf("the builder %s cannot ask the policy %s: only local files are judged; BuildKit v0.27 or later asks about every source", builder, j.policy.Name), nil
}

// close ends the policy.
func (j *arbiter) close() error {
	if j == nil || j.policy.Close == nil {
		return nil
	}
	return j.policy.Close()
}

// check is asked by the builder about a source. What has been decided once
// stays decided: a run asks again for each of its solves.
func (j *arbiter) check(ctx context.Context, req *policysession.CheckPolicyRequest) (*policysession.DecisionResponse, *gatewaypb.ResolveSourceMetaRequest, error) {
	key := sourceKey(req.GetSource().GetSource(), req.GetPlatform())
	j.mu.Lock()
	d := j.decisions[key]
	j.mu.Unlock()
	if d != nil {
		return d.CloneVT(), nil, nil
	}
	d, next, err := j.ask(ctx, req)
	if err != nil || next != nil || d == nil {
		return d, next, err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.decisions[key] = d.CloneVT()
	return d, nil, nil
}

// sourceKey is equal for equal questions, whatever is known of the source. Of a
// folder a policy knows no more than the name.
func sourceKey(op *pb.SourceOp, platform *pb.Platform) string {
	key := op.GetIdentifier()
	if strings.HasPrefix(key, "local://") {
		return key
	}
	if platform != nil {
		key += "\n" + platform.OS + "/" + platform.Architecture + "/" + platform.Variant
	}
	for _, k := range slices.Sorted(maps.Keys(op.GetAttrs())) {
		key += "\n" + k + "=" + op.Attrs[k]
	}
	return key
}

// ask asks the policy, about a folder by each of its names.
func (j *arbiter) ask(ctx context.Context, req *policysession.CheckPolicyRequest) (*policysession.DecisionResponse, *gatewaypb.ResolveSourceMetaRequest, error) {
	id := req.GetSource().GetSource().GetIdentifier()
	names := j.names[id]
	if len(names) == 0 {
		d, next, err := j.policy.Check(ctx, req)
		j.note(id, id, d)
		return d, next, err
	}
	var d *policysession.DecisionResponse
	for _, name := range names {
		named := req.CloneVT()
		named.Source.Source.Identifier = "local://" + name
		var next *gatewaypb.ResolveSourceMetaRequest
		var err error
		if d, next, err = j.check(ctx, named); err != nil || next != nil {
			return nil, next, err
		}
		if j.note(id, "local://"+name, d) {
			return d, nil, nil
		}
	}
	return d, nil, nil
}

// note remembers a denial, and says whether it is one. id is what the builder
// calls the source, and source what the policy does.
func (j *arbiter) note(id, source string, d *policysession.DecisionResponse) bool {
	if d.GetAction() != spb.PolicyAction_DENY {
		return false
	}
	out := &Denial{Source: source, Policy: j.policy.Name}
	if j.policy.Denial != nil {
		out.Policy, out.Messages = j.policy.Denial(source)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.denials[id] = out
	return true
}

// judgeRead has the target's policy judge what orch reads itself: bake's
// frontend is sent the Dockerfile and the ignore file, and asks about them.
func (t *target) judgeRead(ctx context.Context) error {
	j := t.anchor.judge
	if j == nil || t.foreign() {
		return nil
	}
	var names []string
	if t.plan.Dockerfile != nil {
		names = append(names, dockerfileMount)
	}
	if t.plan.Context != nil {
		names = append(names, contextMount)
	}
	for _, name := range names {
		id := "local://" + name
		d, _, err := j.check(ctx, &policysession.CheckPolicyRequest{
			Source: &gatewaypb.ResolveSourceMetaResponse{Source: &pb.SourceOp{Identifier: id}},
		})
		if err != nil {
			return err
		}
		if d.GetAction() == spb.PolicyAction_DENY {
			return j.denial(id)
		}
	}
	return nil
}

// denial is why a source was denied.
func (j *arbiter) denial(id string) *Denial {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.denials[id]
}

// judged puts into words that a policy has denied a source, if that is what an
// error of the builder comes from.
func (j *arbiter) judged(err error) error {
	var denial *Denial
	if j == nil || err == nil || errors.As(err, &denial) {
		return err
	}
	text := err.Error()
	j.mu.Lock()
	defer j.mu.Unlock()
	for id, d := range j.denials {
		if strings.Contains(text, fmt.Sprintf("source %q not allowed by policy", id)) {
			out := *d
			out.err = err
			return &out
		}
	}
	return err
}

// Denial is a source that a policy does not allow.
type Denial struct {
	// Source is the identifier of the source, as the policy knows it, and
	// Policy the name of the policy.
	Source, Policy string
	Messages       []string
	err            error
}

func (d *Denial) Error() string {
	text := fmt.Sprintf("The policy %s does not allow %s", d.Policy, shownSource(d.Source))
	if len(d.Messages) == 0 {
		return text + "."
	}
	return text + ":\n  " + strings.Join(d.Messages, "\n  ")
}

// Unwrap is what the builder said.
func (d *Denial) Unwrap() error { return d.err }

// Reason says it in a few words.
func (d *Denial) Reason() string { return "a policy does not allow " + shownSource(d.Source) }

// shownSource is a source in words.
func shownSource(id string) string {
	scheme, rest, _ := strings.Cut(id, "://")
	switch scheme {
	case "docker-image":
		return "the image " + rest
	case "git":
		return "the repository " + rest
	case "local":
		switch rest {
		case dockerfileMount:
			return "the Dockerfile"
		case contextMount:
			return "the context"
		}
		return "the context " + rest
	}
	return id
}
