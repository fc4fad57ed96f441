package planning

import (
	"context"
	"os"
	"path/filepath"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/cmd/orch/internal/machine"
	"github.com/orch-build/orch/cmd/orch/internal/parts"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/config/policy"
	"github.com/orch-build/orch/internal/statedir"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/runner/buildkit/builder"
	"github.com/orch-build/orch/runner/buildkit/sourcepolicy"
	"github.com/orch-build/orch/runner/bundle"
	"github.com/orch-build/orch/runner/policies"
)

// policyVariable names a file with a source policy in BuildKit's own JSON.
const policyVariable = "EXPERIMENTAL_BUILDKIT_SOURCE_POLICY"

// builtInPolicy switches on the policy that bake brings along.
const builtInPolicy = "BUILDX_DEFAULT_POLICY"

// SourcePolicy reads the policy that the environment names.
func SourcePolicy(e *Session) (*sourcepolicy.Static, error) {
	path := e.Getenv(policyVariable)
	if path == "" {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, usage.Errorf("%s: %w", policyVariable, err)
	}
	policy, err := sourcepolicy.ParseStatic(data)
	if err != nil {
		return nil, usage.Errorf("%s: %s: %w", policyVariable, path, err)
	}
	return policy, nil
}

// NewPolicies returns the policies of a command's targets. flags say which
// builder fetches remote contexts, to look for policies there; nil looks into
// none.
func NewPolicies(ctx context.Context, e *Session, flags *machine.BuilderFlags) *policies.Policies {
	opt := policyOptions(ctx, e)
	if flags != nil {
		opt.Connect = func(ctx context.Context) (*builder.Builder, error) { return flags.Connect(ctx, e.Machine) }
	}
	return policies.New(ctx, opt)
}

// PoliciesIn returns the policies of targets whose files are read from somewhere
// else than the disk, such as a revision. Remote contexts are not looked into.
func PoliciesIn(ctx context.Context, e *Session, files policy.Files) *policies.Policies {
	opt := policyOptions(ctx, e)
	opt.Files = files
	return policies.New(ctx, opt)
}

func policyOptions(ctx context.Context, e *Session) policies.Options {
	return policies.Options{
		BuiltIn: e.Flagged(builtInPolicy), LookupEnv: e.Lookup, Source: e.pinned,
		Compile: func(p *policies.Policies, targets []*config.Target) hcl.Diagnostics {
			return e.Parts.CompilePolicies(ctx, p, targets)
		},
	}
}

// pinned is the policy that remote contexts are fetched by when policies are looked for
// in them: they come from where a build takes them.
func (e *Session) pinned() (*sourcepolicy.Static, *bundle.Bundle, error) {
	user, err := SourcePolicy(e)
	if err != nil {
		return nil, nil, err
	}
	return sourcepolicy.Pins{Lock: e.lock, User: user, Bundle: e.Bundle, Offline: e.Offline}.Policy(), e.Bundle, nil
}

// PolicySets returns what finds the policies of targets for a plan.
func (e *Session) PolicySets() func(*config.Target) (*policy.Set, hcl.Diagnostics) {
	if e.Policies == nil {
		e.Policies = NewPolicies(e.Ctx, e, nil)
	}
	return e.Policies.Of
}

// CheckPolicies finds and compiles the policies of all targets and prints what is
// wrong. foreign says that somebody else has decided which of them are asked.
func (e *Session) CheckPolicies(cfg *config.Config, foreign bool) error {
	e.lock = cfg.Lock
	diags, err := e.Policies.Check(cfg, foreign)
	if err != nil {
		return err
	}
	return e.Report(diags, cfg.Sources, e.Policies.Texts())
}

// WholeFor makes sure that this program can evaluate the policies of the targets,
// if there are any. It comes before anything is said of the definition, because
// another program may begin anew.
func (e *Session) WholeFor(cfg *config.Config) error {
	e.lock = cfg.Lock
	return e.Parts.NeedPolicies(e.Env, func() (bool, error) { return e.Policies.Any(cfg.Targets) })
}

// TypedPolicy says whether the command line mentions policies.
func (l *Flags) TypedPolicy(overrides []config.Override) bool {
	for _, text := range l.Overrides {
		if o, err := config.ParseOverride(text); err == nil {
			overrides = append(overrides, o)
		}
	}
	return slices.ContainsFunc(overrides, func(o config.Override) bool { return o.Key == "policy" })
}

// Evaluator prepares the policies of targets for a run.
func (e *Session) Evaluator() parts.PolicyFunc {
	return e.Parts.PolicyEvaluator(e.Policies, e.policyDir)
}

// policyDir is the folder that signatures are verified with.
func (e *Session) policyDir() (string, error) {
	dir, err := statedir.Default(e.Getenv)
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "policy"), nil
}
