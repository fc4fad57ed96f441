package sourcepolicy

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
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner/buildkit/frontend"
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

// Host is what a run gives to a policy.
type Host struct {
	Client   *client.Client
	Platform *ocispecs.Platform // of the builder; nil if it names none
	// Session has the target's credentials.
	Session func() ([]session.Attachable, error)
	// Log begins the log of a decision.
	Log func(source string) (line func(string), end func(denied bool))
}

// Arbiter is a policy in a session. A nil Arbiter allows everything.
type Arbiter struct {
	policy *Policy
	// names are what bake calls the local sources, by what they are called
	// here: one folder is sent once, whatever it is called in each target.
	names map[string][]string

	mu        sync.Mutex
	decisions Decisions
	denials   map[string]*Denial
}

// New returns what judges a target and those that it is made of.
func New(p *Policy, b *planner.Build) *Arbiter {
	j := &Arbiter{
		policy: p, names: map[string][]string{},
		decisions: Decisions{}, denials: map[string]*Denial{},
	}
	j.addNames(b, map[*planner.Build]bool{})
	return j
}

// addNames adds the local sources of a build and of those that it is made of,
// which the builder asks about too.
func (j *Arbiter) addNames(b *planner.Build, seen map[*planner.Build]bool) {
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
		add(b.Context, frontend.ContextMount)
	}
	for name, l := range b.Contexts {
		add(l, frontend.MountName(name))
	}
	for _, in := range b.Inputs {
		j.addNames(in, seen)
	}
}

// TakeIn makes one Arbiter of two that decide the same, or returns false.
func (j *Arbiter) TakeIn(other *Arbiter) bool {
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

// On has a solve judged.
func (j *Arbiter) On(opt *client.SolveOpt) {
	if j != nil {
		opt.SourcePolicyProvider = policysession.NewPolicyProvider(j.Check)
		opt.ProxyNetwork = j.policy.ProxyNetwork
	}
}

// Supported says whether a builder can ask. If it cannot, that is an error, or
// a warning.
func (j *Arbiter) Supported(caps apicaps.CapSet, builder string) (warning string, err error) {
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

// Close ends the policy.
func (j *Arbiter) Close() error {
	if j == nil || j.policy.Close == nil {
		return nil
	}
	return j.policy.Close()
}

// Check is asked by the builder about a source. What has been decided once
// stays decided: a run asks again for each of its solves.
func (j *Arbiter) Check(ctx context.Context, req *policysession.CheckPolicyRequest) (*policysession.DecisionResponse, *gatewaypb.ResolveSourceMetaRequest, error) {
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
func (j *Arbiter) ask(ctx context.Context, req *policysession.CheckPolicyRequest) (*policysession.DecisionResponse, *gatewaypb.ResolveSourceMetaRequest, error) {
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
		if d, next, err = j.Check(ctx, named); err != nil || next != nil {
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
func (j *Arbiter) note(id, source string, d *policysession.DecisionResponse) bool {
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

// Denial is why a source was denied.
func (j *Arbiter) Denial(id string) *Denial {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.denials[id]
}

// Judged puts into words that a policy has denied a source, if that is what an
// error of the builder comes from.
func (j *Arbiter) Judged(err error) error {
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
	text := fmt.Sprintf("The policy %s does not allow %s", d.Policy, Shown(d.Source))
	if len(d.Messages) == 0 {
		return text + "."
	}
	return text + ":\n  " + strings.Join(d.Messages, "\n  ")
}

// Unwrap is what the builder said.
func (d *Denial) Unwrap() error { return d.err }

// Reason says it in a few words.
func (d *Denial) Reason() string { return "a policy does not allow " + Shown(d.Source) }

// Shown is a source in words.
func Shown(id string) string {
	scheme, rest, _ := strings.Cut(id, "://")
	switch scheme {
	case "docker-image":
		return "the image " + rest
	case "git":
		return "the repository " + rest
	case "local":
		switch rest {
		case frontend.DockerfileMount:
			return "the Dockerfile"
		case frontend.ContextMount:
			return "the context"
		}
		return "the context " + rest
	}
	return id
}
