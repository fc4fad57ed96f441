package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/config/policy"
	"github.com/orch-build/orch/load"
	"github.com/orch-build/orch/runner/buildkit"
	"github.com/orch-build/orch/runner/buildkit/builder"
	"github.com/orch-build/orch/runner/embedded"
)

// policyVariable names a file with a source policy in BuildKit's own JSON.
const policyVariable = "EXPERIMENTAL_BUILDKIT_SOURCE_POLICY"

// builtInPolicy switches on the policy that bake brings along.
const builtInPolicy = "BUILDX_DEFAULT_POLICY"

// sourcePolicy reads the policy that the environment names.
func sourcePolicy(e *env) (*buildkit.SourcePolicy, error) {
	path := e.getenv(policyVariable)
	if path == "" {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, usagef("%s: %w", policyVariable, err)
	}
	policy, err := buildkit.ParseSourcePolicy(data)
	if err != nil {
		return nil, usagef("%s: %s: %w", policyVariable, path, err)
	}
	return policy, nil
}

// policies are the source policies in Rego of a command's targets.
type policies struct {
	*env
	ctx context.Context
	// flags say which builder fetches remote contexts, to look for policies
	// there; nil looks into none.
	flags *builderFlags

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
	*buildkit.Tree
	err error
}

func newPolicies(ctx context.Context, e *env, flags *builderFlags) *policies {
	p := &policies{
		env: e, ctx: ctx, flags: flags, trees: map[string]*fetchedTree{}, found: map[*config.Target]*foundPolicies{},
		finder: &policy.Finder{Files: policy.Disk{}, BuiltIn: e.flagged(builtInPolicy)},
	}
	if flags != nil {
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

// close lets the builder forget what was fetched.
func (p *policies) close() {
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

// of returns the policies of a target.
func (p *policies) of(t *config.Target) (*policy.Set, hcl.Diagnostics) {
	f := p.found[t]
	if f == nil {
		set, diags := p.finder.Find(t)
		f = &foundPolicies{set, diags}
		p.found[t] = f
	}
	return f.set, f.diags
}

// policySets returns what finds the policies of targets for a plan.
func (e *env) policySets() func(*config.Target) (*policy.Set, hcl.Diagnostics) {
	if e.policies == nil {
		e.policies = newPolicies(e.ctx, e, nil)
	}
	return e.policies.of
}

// tree fetches a remote context, once for all targets that have the same
// credentials for it.
func (p *policies) tree(t *config.Target, c config.Context) (*buildkit.Tree, error) {
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

func (p *policies) connect() (err error) {
	if p.conn == nil && p.lost == nil {
		p.conn, p.lost = p.flags.connect(p.ctx, p.env)
	}
	return p.lost
}

func (p *policies) fetch(t *config.Target, c config.Context) (*buildkit.Tree, error) {
	source, err := sourcePolicy(p.env)
	if err != nil {
		return nil, err
	}
	tree, err := buildkit.FetchTree(p.ctx, p.conn, t, c, buildkit.Options{LookupEnv: p.lookup, SourcePolicy: source})
	if err != nil {
		return nil, errors.New(load.RedactedError(err, c.Value))
	}
	return tree, nil
}

// whole makes sure that this program can evaluate the policies of the targets,
// if there are any. It comes before anything is said of the definition, because
// another program may begin anew.
func (p *policies) whole(cfg *config.Config) error {
	return needWhole(p.env, func() (bool, error) {
		any := false
		for _, t := range cfg.Targets {
			set, _ := p.of(t)
			any = any || !set.Empty()
		}
		return any, p.stopped()
	})
}

// stopped says why nothing could be fetched any more.
func (p *policies) stopped() error {
	if p.ctx != nil && p.ctx.Err() != nil {
		return p.ctx.Err()
	}
	return p.lost
}

// check finds the policies of all targets, compiles them, and prints what is
// wrong. foreign says that somebody else has decided which of them are asked.
func (p *policies) check(cfg *config.Config, foreign bool) error {
	var diags hcl.Diagnostics
	for _, t := range cfg.Targets {
		set, more := p.of(t)
		diags = append(diags, more...)
		if foreign {
			diags = append(diags, switchedOff(t, set)...)
		}
	}
	if err := p.stopped(); err != nil {
		return err
	}
	if !diags.HasErrors() {
		diags = append(diags, p.compile(cfg.Targets)...)
	}
	return p.report(diags, cfg.Sources, p.sources())
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

// typedPolicy says whether the command line mentions policies.
func (l *loadFlags) typedPolicy(overrides []config.Override) bool {
	for _, text := range l.Overrides {
		if o, err := config.ParseOverride(text); err == nil {
			overrides = append(overrides, o)
		}
	}
	return slices.ContainsFunc(overrides, func(o config.Override) bool { return o.Key == "policy" })
}

// sources are the texts of the policies, for messages.
func (p *policies) sources() map[string][]byte {
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

// files opens remote contexts for what policies import and read.
func (p *policies) files(t *config.Target) func(config.Context) (fs.StatFS, error) {
	return func(c config.Context) (fs.StatFS, error) {
		if p.flags == nil {
			return nil, errors.New("no builder has fetched it")
		}
		return p.tree(t, c)
	}
}

// policyDir is the folder that signatures are verified with.
func (e *env) policyDir() (string, error) {
	dir, err := embedded.DefaultStateDir(e.getenv)
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "policy"), nil
}
