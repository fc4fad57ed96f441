// Package parts describes the parts of orch that are large: the reader of Compose
// files, what sends traces, the evaluation of policies, and the builder's program.
// Commands use them through the interface Parts, which cmd/orch hands in, so that
// nothing below it links them. It does not know what they are made of; see package
// whole.
package parts

import (
	"context"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/load"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner/buildkit/sourcepolicy"
	"github.com/orch-build/orch/runner/embedded"
	"github.com/orch-build/orch/runner/policies"
)

// Parts are the large parts of orch. Those that a program does not contain start the
// same command over in one that does.
type Parts interface {
	// SetProgram says which program is the embedded builder.
	SetProgram(e *cli.Env, o *embedded.Options)
	// ComposeReader reads Compose files and, of the files that they refer to, those
	// that permit allows; it reports warnings.
	ComposeReader(e *cli.Env, permit func(path string) error, report func(hcl.Diagnostics, map[string][]byte) error) load.ComposeReader
	// StartTracing begins a span. The function that it returns ends the span.
	StartTracing(ctx context.Context, e *cli.Env, name string) (context.Context, func() error, error)
	// NeedPolicies makes sure that policies can be evaluated, if needed says that there
	// are any.
	NeedPolicies(e *cli.Env, needed func() (bool, error)) error
	// CompilePolicies returns what is wrong with the policies of targets.
	CompilePolicies(ctx context.Context, p *policies.Policies, targets []*config.Target) hcl.Diagnostics
	// PolicyEvaluator prepares the policies of targets for a run; dir is the folder that
	// signatures are verified with. It is nil in a program that evaluates none.
	PolicyEvaluator(p *policies.Policies, dir func() (string, error)) PolicyFunc
}

// PolicyFunc prepares the policies of a target for a run.
type PolicyFunc = func(context.Context, *planner.Build, sourcepolicy.Host) (*sourcepolicy.Policy, error)
