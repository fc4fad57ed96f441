package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/config/policy"
	"github.com/orch-build/orch/runner/buildkit/builder"
	"github.com/orch-build/orch/runner/buildkit/sourcepolicy"
	"github.com/orch-build/orch/runner/embedded"
	"github.com/orch-build/orch/runner/policies"
)

// policyVariable names a file with a source policy in BuildKit's own JSON.
const policyVariable = "EXPERIMENTAL_BUILDKIT_SOURCE_POLICY"

// builtInPolicy switches on the policy that bake brings along.
const builtInPolicy = "BUILDX_DEFAULT_POLICY"

// sourcePolicy reads the policy that the environment names.
func sourcePolicy(e *env) (*sourcepolicy.Static, error) {
	path := e.getenv(policyVariable)
	if path == "" {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, usagef("%s: %w", policyVariable, err)
	}
	policy, err := sourcepolicy.ParseStatic(data)
	if err != nil {
		return nil, usagef("%s: %s: %w", policyVariable, path, err)
	}
	return policy, nil
}

// newPolicies returns the policies of a command's targets. flags say which
// builder fetches remote contexts, to look for policies there; nil looks into
// none.
func newPolicies(ctx context.Context, e *env, flags *builderFlags) *policies.Policies {
	opt := policies.Options{
		BuiltIn: e.flagged(builtInPolicy), LookupEnv: e.lookup, Compile: compilePolicies(ctx),
		Source: func() (*sourcepolicy.Static, error) { return sourcePolicy(e) },
	}
	if flags != nil {
		opt.Connect = func(ctx context.Context) (*builder.Builder, error) { return flags.connect(ctx, e) }
	}
	return policies.New(ctx, opt)
}

// policySets returns what finds the policies of targets for a plan.
func (e *env) policySets() func(*config.Target) (*policy.Set, hcl.Diagnostics) {
	if e.policies == nil {
		e.policies = newPolicies(e.ctx, e, nil)
	}
	return e.policies.Of
}

// checkPolicies finds and compiles the policies of all targets and prints what is
// wrong. foreign says that somebody else has decided which of them are asked.
func (e *env) checkPolicies(cfg *config.Config, foreign bool) error {
	diags, err := e.policies.Check(cfg, foreign)
	if err != nil {
		return err
	}
	return e.report(diags, cfg.Sources, e.policies.Texts())
}

// wholeFor makes sure that this program can evaluate the policies of the targets,
// if there are any. It comes before anything is said of the definition, because
// another program may begin anew.
func (e *env) wholeFor(cfg *config.Config) error {
	return needWhole(e, func() (bool, error) { return e.policies.Any(cfg.Targets) })
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

// evaluator prepares the policies of targets for a run.
func (e *env) evaluator() policyFunc { return policyEvaluator(e.policies, e.policyDir) }

// policyDir is the folder that signatures are verified with.
func (e *env) policyDir() (string, error) {
	dir, err := embedded.DefaultStateDir(e.getenv)
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "policy"), nil
}
