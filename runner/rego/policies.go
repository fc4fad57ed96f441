package rego

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	peer "github.com/docker/buildx/policy"
	"github.com/docker/buildx/util/sourcemeta"
	"github.com/moby/buildkit/client"
	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/session"
	spb "github.com/moby/buildkit/sourcepolicy/pb"
	"github.com/moby/buildkit/sourcepolicy/policysession"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/sirupsen/logrus"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/config/policy"
)

// Env is what a policy may know of the target.
type Env struct {
	Args, Labels map[string]string
	// Filename is the name of the Dockerfile without its folder, Target the
	// stage that is built.
	Filename, Target string
}

// Options are what policies need besides their text.
type Options struct {
	// Client is the builder's, and Session what its credentials come from: by
	// these a policy gets to know what an image was made from.
	Client  *client.Client
	Session func() ([]session.Attachable, error)
	// Platform is the builder's own; nil if it names none.
	Platform *ocispecs.Platform
	// Tree opens a remote context.
	Tree func(config.Context) (fs.StatFS, error)
	// StateDir is a folder for the roots of trust of signatures.
	StateDir string
	// Log begins the log of one decision, about a source, and returns what
	// takes a line of it and what ends it.
	Log func(source string) (line func(string), end func(denied bool))
}

// Policies are the policies of one target. Each has to allow a source.
type Policies struct {
	policies []policy.Policy
	env      peer.Env
	opt      Options
	verifier verifier

	mu       sync.Mutex
	resolver *sourcemeta.Resolver
	denials  map[string]Denial
	proxy    bool
}

// Denial is why a source was denied.
type Denial struct {
	// Policy is the name of the policy that denied it.
	Policy   string
	Messages []string
}

// New prepares the policies of a target. It fails if one of them cannot be
// evaluated at all.
func New(ctx context.Context, set *policy.Set, env Env, opt Options) (*Policies, error) {
	p := &Policies{policies: set.Policies, env: env.peer(), opt: opt, denials: map[string]Denial{}}
	p.verifier.dir = opt.StateDir
	for i := range p.policies {
		one := &p.policies[i]
		if one.BuiltIn {
			continue
		}
		caps, err := p.evaluator(one, nil).CheckCaps(ctx)
		if err != nil {
			return nil, fmt.Errorf("policy %s: %w", one.Name(), err)
		}
		p.proxy = p.proxy || caps[peer.CapExecProxy]
	}
	return p, nil
}

func (e Env) peer() peer.Env {
	out := peer.Env{Filename: e.Filename, Target: e.Target, Labels: e.Labels}
	for k, v := range e.Args {
		if out.Args == nil {
			out.Args = map[string]*string{}
		}
		out.Args[k] = &v
	}
	return out
}

// ProxyNetwork says whether a policy wants the requests that steps make over
// the network to be judged too.
func (p *Policies) ProxyNetwork() bool { return p.proxy }

// Denial returns why a source was denied, or false if it was not.
func (p *Policies) Denial(source string) (Denial, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	d, ok := p.denials[source]
	return d, ok
}

// Close ends what was opened to get to know sources.
func (p *Policies) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.resolver == nil {
		return nil
	}
	return p.resolver.Close()
}

// Check judges a source, as the builder asks for it: the answer is a decision,
// or what has to be known of the source first.
func (p *Policies) Check(ctx context.Context, req *policysession.CheckPolicyRequest) (*policysession.DecisionResponse, *gatewaypb.ResolveSourceMetaRequest, error) {
	source := req.GetSource().GetSource().GetIdentifier()
	if source == "" {
		return nil, nil, errors.New("the builder asks about no source")
	}
	line, end := func(string) {}, func(bool) {}
	if p.opt.Log != nil {
		line, end = p.opt.Log(source)
	}
	denied := false
	defer func() { end(denied) }()
	if err := p.resolve(); err != nil {
		return nil, nil, err
	}
	var each []policysession.PolicyCallback
	for i := range p.policies {
		one := &p.policies[i]
		each = append(each, func(ctx context.Context, req *policysession.CheckPolicyRequest) (*policysession.DecisionResponse, *gatewaypb.ResolveSourceMetaRequest, error) {
			d, next, err := p.evaluator(one, line).CheckPolicy(ctx, req)
			if err != nil {
				return nil, nil, fmt.Errorf("policy %s: %w", one.Name(), err)
			}
			if next == nil && d.GetAction() == spb.PolicyAction_DENY {
				denied = true
				p.deny(source, one, d)
			}
			return d, next, nil
		})
	}
	return peer.MultiPolicyCallback(each...)(ctx, req)
}

// deny remembers why a source was denied.
func (p *Policies) deny(source string, one *policy.Policy, d *policysession.DecisionResponse) {
	out := Denial{Policy: one.Name()}
	for _, m := range d.GetDenyMessages() {
		out.Messages = append(out.Messages, m.GetMessage())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.denials[source] = out
}

// resolve makes what asks the builder for what a policy wants to know of the
// sources of an image. It opens nothing before it is used.
func (p *Policies) resolve() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.resolver != nil || p.opt.Client == nil {
		return nil
	}
	var opts []sourcemeta.Option
	if p.opt.Session != nil {
		attach, err := p.opt.Session()
		if err != nil {
			return err
		}
		opts = append(opts, sourcemeta.WithSession(attach))
	}
	p.resolver = sourcemeta.NewResolver(p.opt.Client, opts...)
	return nil
}

// evaluator is one policy, ready to be asked. It says nothing if line is nil.
func (p *Policies) evaluator(one *policy.Policy, line func(string)) *peer.Policy {
	level := logrus.InfoLevel
	if l, err := logrus.ParseLevel(one.LogLevel); err == nil {
		level = l
	}
	opt := peer.Opt{
		Env: p.env,
		Log: func(l logrus.Level, text string) {
			if line != nil && l <= level {
				line(text)
			}
		},
		FS:               (&files{context: one.Context, tree: p.opt.Tree}).open,
		VerifierProvider: p.verifier.get,
		DefaultPlatform:  p.opt.Platform,
		SourceResolver:   p.resolver,
	}
	if one.BuiltIn {
		return peer.DefaultPolicy(opt)
	}
	for _, f := range one.Files {
		opt.Files = append(opt.Files, peer.File{Filename: f.Name, Data: f.Data})
	}
	return peer.NewPolicy(opt)
}
