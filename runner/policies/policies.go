// Package policies finds the source policies of a command's targets, also in
// contexts that a builder fetches, and says what is wrong with them. It knows
// nothing of Rego: what compiles and judges them is handed to it, because not
// every program has it.
package policies

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/config/policy"
	"github.com/orch-build/orch/load"
	"github.com/orch-build/orch/runner/buildkit/builder"
	"github.com/orch-build/orch/runner/buildkit/creds"
	"github.com/orch-build/orch/runner/buildkit/fetch"
	"github.com/orch-build/orch/runner/buildkit/sourcepolicy"
	"github.com/orch-build/orch/runner/bundle"
)

// Options say how policies are found and judged.
type Options struct {
	// Files is what is read of this machine; nil is its disk.
	Files policy.Files
	// BuiltIn switches on the policy that bake brings along.
	BuiltIn bool
	// Connect reaches the builder that fetches remote contexts, to look for
	// policies there; nil looks into none.
	Connect func(context.Context) (*builder.Builder, error)
	// LookupEnv reads a variable of the environment.
	LookupEnv func(name string) (string, bool)
	// Source returns the policy in BuildKit's own form that fetching obeys, and the
	// bundle that it takes from, or nil.
	Source func() (*sourcepolicy.Static, *bundle.Bundle, error)
	// Compile says what is wrong with the policies of targets; see Judge.
	Compile func(*Policies, []*config.Target) hcl.Diagnostics
}

// Policies are the source policies in Rego of a command's targets.
type Policies struct {
	Options
	ctx context.Context

	// mu guards what follows: the runs of several builders make their plans at once.
	mu     sync.Mutex
	finder *policy.Finder
	conn   *builder.Builder
	trees  map[string]*fetchedTree
	// lost is why no builder could be reached.
	lost  error
	found map[*config.Target]*foundPolicies
}

type foundPolicies struct {
	set   *policy.Set
	diags hcl.Diagnostics
}

// fetchedTree is a remote context, or why it could not be fetched.
type fetchedTree struct {
	*fetch.Tree
	err error
}

// New returns the policies of targets, which are found when they are asked for.
func New(ctx context.Context, opt Options) *Policies {
	if opt.Files == nil {
		opt.Files = policy.Disk{}
	}
	p := &Policies{
		Options: opt, ctx: ctx, trees: map[string]*fetchedTree{}, found: map[*config.Target]*foundPolicies{},
		finder: &policy.Finder{Files: opt.Files, BuiltIn: opt.BuiltIn},
	}
	if opt.Connect != nil {
		p.finder.Tree = func(t *config.Target, c config.Context) (policy.Tree, error) {
			tree, err := p.tree(t, c)
			if err != nil {
				return nil, err
			}
			return tree, nil
		}
	}
	return p
}

// Close lets the builder forget what was fetched.
func (p *Policies) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range p.trees {
		if t.err == nil {
			_ = t.Close()
		}
	}
	if p.conn != nil {
		_ = p.conn.Close()
	}
	p.trees, p.conn = nil, nil
}

// Of returns the policies of a target.
func (p *Policies) Of(t *config.Target) (*policy.Set, hcl.Diagnostics) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.found[t]
	if f == nil {
		set, diags := p.finder.Find(t)
		f = &foundPolicies{set, diags}
		p.found[t] = f
	}
	return f.set, f.diags
}

// tree fetches a remote context, once for all targets that have the same
// credentials for it.
func (p *Policies) tree(t *config.Target, c config.Context) (*fetch.Tree, error) {
	key := fmt.Sprint(c.Kind, c.Value, t.Secrets, t.SSH, t.Args["BUILDKIT_CONTEXT_KEEP_GIT_DIR"])
	if f := p.trees[key]; f != nil {
		return f.Tree, f.err
	}
	f := &fetchedTree{}
	if f.err = p.connect(); f.err == nil {
		f.Tree, f.err = p.fetch(t, c)
	}
	p.trees[key] = f
	return f.Tree, f.err
}

func (p *Policies) connect() (err error) {
	if p.conn == nil && p.lost == nil {
		p.conn, p.lost = p.Connect(p.ctx)
	}
	return p.lost
}

func (p *Policies) fetch(t *config.Target, c config.Context) (*fetch.Tree, error) {
	source, held, err := p.Source()
	if err != nil {
		return nil, err
	}
	tree, err := fetch.OpenTree(p.ctx, p.conn, t, c, fetch.TreeOptions{Source: creds.Source{LookupEnv: p.LookupEnv}, Policy: source, Bundle: held})
	if err != nil {
		return nil, errors.New(load.RedactedError(err, c.Value))
	}
	return tree, nil
}

// stopped says why nothing could be fetched any more.
func (p *Policies) stopped() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx != nil && p.ctx.Err() != nil {
		return p.ctx.Err()
	}
	return p.lost
}

// Check finds the policies of all targets, compiles them, and says what is wrong.
// foreign says that somebody else has decided which of them are asked.
func (p *Policies) Check(cfg *config.Config, foreign bool) (hcl.Diagnostics, error) {
	var diags hcl.Diagnostics
	for _, t := range cfg.Targets {
		set, more := p.Of(t)
		diags = append(diags, more...)
		if foreign {
			diags = append(diags, switchedOff(t, set)...)
		}
	}
	if err := p.stopped(); err != nil {
		return nil, err
	}
	if !diags.HasErrors() {
		diags = append(diags, p.Compile(p, cfg.Targets)...)
	}
	return diags, nil
}

// switchedOff warns of policies that a definition which is not from here keeps
// from being asked.
func switchedOff(t *config.Target, set *policy.Set) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, name := range set.Off {
		at := t.RangeOf("policy")
		diags = append(diags, &hcl.Diagnostic{
			Severity: hcl.DiagWarning, Summary: "Policy switched off", Subject: &at,
			Detail: fmt.Sprintf("This definition, which is not from here, keeps target %q from being judged by %s.", t.Name, name),
		})
	}
	return diags
}

// Texts are the texts of the policies, for messages.
func (p *Policies) Texts() map[string][]byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := map[string][]byte{}
	for _, f := range p.found {
		for i := range f.set.Policies {
			for _, file := range f.set.Policies[i].Files {
				out[file.Shown()] = file.Data
			}
		}
	}
	return out
}

// Files opens remote contexts for what policies import and read.
func (p *Policies) Files(t *config.Target) func(config.Context) (fs.StatFS, error) {
	return func(c config.Context) (fs.StatFS, error) {
		if p.Connect == nil {
			return nil, errors.New("no builder has fetched it")
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.tree(t, c)
	}
}

// Any says whether a target may have a policy. It comes before anything is said of
// the definition, because another program may begin anew then, and before anything is
// allowed: it opens no file of this machine.
func (p *Policies) Any(targets []*config.Target) (bool, error) {
	found := false
	for _, t := range targets {
		under, known := p.finder.Under(t)
		switch {
		case known:
		case len(t.Secrets) > 0 || len(t.SSH) > 0:
			under = true // nobody may have allowed yet that they are used, as they are to fetch
		default:
			set, _ := p.Of(t)
			under = !set.Empty()
		}
		found = found || under
	}
	return found, p.stopped()
}
