// Package judge compiles the policies of targets and has a run obey them. It is
// apart from package policies because what evaluates Rego takes long to start.
package judge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/config/policy"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner/buildkit/sourcepolicy"
	"github.com/orch-build/orch/runner/policies"
	"github.com/orch-build/orch/runner/rego"
)

// Compile says what is wrong with the policies of targets. A policy that many
// targets have is compiled once.
func Compile(ctx context.Context, p *policies.Policies, targets []*config.Target) hcl.Diagnostics {
	var diags hcl.Diagnostics
	seen := map[string]bool{}
	for _, t := range targets {
		set, _ := p.Of(t)
		if set.Empty() {
			continue
		}
		opt := rego.Options{Tree: p.Files(t)}
		key := policyKey(set, targetEnv(t), rego.TraitsOf(set, opt))
		if seen[key] {
			continue
		}
		seen[key] = true
		diags = append(diags, rego.Compile(ctx, set, targetEnv(t), opt, t.RangeOf("policy"))...)
	}
	return diags
}

// Evaluator prepares the policies of a target for a run. stateDir is the folder
// that signatures are verified with.
func Evaluator(p *policies.Policies, stateDir func() (string, error)) func(context.Context, *planner.Build, sourcepolicy.Host) (*sourcepolicy.Policy, error) {
	return func(ctx context.Context, b *planner.Build, host sourcepolicy.Host) (*sourcepolicy.Policy, error) {
		dir, err := stateDir()
		if err != nil {
			return nil, err
		}
		opt := rego.Options{
			Client: host.Client, Session: host.Session, Platform: host.Platform,
			Tree: p.Files(b.Target), StateDir: dir, Log: host.Log,
		}
		set, env := b.Policies, targetEnv(b.Target)
		all, err := rego.New(ctx, set, env, opt)
		if err != nil {
			return nil, err
		}
		return &sourcepolicy.Policy{
			Key:   policyKey(set, env, rego.TraitsOf(set, opt)),
			Name:  strings.Join(set.Names(), ", "),
			Check: all.Check,
			Denial: func(source string) (string, []string) {
				d, _ := all.Denial(source)
				return d.Policy, d.Messages
			},
			Strict:       slices.ContainsFunc(set.Policies, func(one policy.Policy) bool { return one.Strict }),
			ProxyNetwork: all.ProxyNetwork(),
			Close:        all.Close,
		}, nil
	}
}

// targetEnv is what policies may know of a target.
func targetEnv(t *config.Target) rego.Env {
	return rego.Env{
		Args: t.Args, Labels: t.Labels, Target: t.Stage,
		Filename: path.Base(strings.TrimPrefix(t.Dockerfile, "cwd://")),
	}
}

// policyKey is equal for policies that decide the same for two targets: the
// target goes in only if they look at it, and its context only if they look at
// files.
func policyKey(set *policy.Set, env rego.Env, traits rego.Traits) string {
	same := struct {
		Policies []policy.Policy
		Env      *rego.Env
	}{Policies: slices.Clone(set.Policies)}
	if traits.Env {
		same.Env = &env
	}
	if !traits.Files {
		for i := range same.Policies {
			same.Policies[i].Context = config.Context{}
		}
	}
	data, err := json.Marshal(same)
	if err != nil {
		return fmt.Sprintf("%p", set) // equal to none
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
