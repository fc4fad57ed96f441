//go:build !orch_split

package whole

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/cmd/orch/internal/parts"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/config/compose"
	"github.com/orch-build/orch/internal/diag"
	"github.com/orch-build/orch/load"
	"github.com/orch-build/orch/runner/buildkit/tracing"
	"github.com/orch-build/orch/runner/embedded"
	"github.com/orch-build/orch/runner/policies"
	"github.com/orch-build/orch/runner/policies/judge"
)

// This is the whole orch. scripts/build packs it into a smaller one, which
// starts it when it is needed; see split.go.

// handedOver names, in the environment, the split orch that was replaced by
// this whole one.
const handedOver = "ORCH_HANDED_OVER_BY"

// SetProgram says which program is the builder: this one.
func (Parts) SetProgram(e *cli.Env, o *embedded.Options) {
	o.Executable = e.Getenv(handedOver)
}

// ComposeReader reads Compose files and, of the files that they refer to, those that
// permit allows; it reports warnings.
func (Parts) ComposeReader(e *cli.Env, permit func(path string) error, report func(hcl.Diagnostics, map[string][]byte) error) load.ComposeReader {
	removeUnpacked(e)
	var reported hcl.Diagnostics
	return func(files []types.ConfigFile, env map[string]string, lenient bool) (*types.Project, error) {
		project, warnings, err := compose.Read(files, env, lenient, permit)
		if lenient || err != nil {
			return project, err // only the last reading counts
		}
		n := len(reported)
		reported = diag.Once(append(reported, warnings...))
		_ = report(reported[n:], contents(files))
		return project, nil
	}
}

// contents are the texts of Compose files by their names.
func contents(files []types.ConfigFile) map[string][]byte {
	out := map[string][]byte{}
	for _, f := range files {
		out[f.Filename] = f.Content
	}
	return out
}

// StartTracing begins a span.
func (Parts) StartTracing(ctx context.Context, e *cli.Env, name string) (context.Context, func() error, error) {
	removeUnpacked(e)
	return tracing.Start(ctx, name, e.Getenv)
}

// removeUnpacked removes this program if it was unpacked for this run alone.
func removeUnpacked(e *cli.Env) {
	if exe, err := os.Executable(); err == nil && e.Getenv(handedOver) != "" &&
		strings.HasPrefix(filepath.Base(exe), "orch-program-") {
		os.Remove(exe)
	}
}

// NeedPolicies has nothing to do: this is the whole orch.
func (Parts) NeedPolicies(*cli.Env, func() (bool, error)) error { return nil }

// CompilePolicies returns what is wrong with the policies of targets.
func (Parts) CompilePolicies(ctx context.Context, p *policies.Policies, targets []*config.Target) hcl.Diagnostics {
	return judge.Compile(ctx, p, targets)
}

// PolicyEvaluator prepares the policies of targets for a run; dir is the folder
// that signatures are verified with.
func (Parts) PolicyEvaluator(p *policies.Policies, dir func() (string, error)) parts.PolicyFunc {
	return judge.Evaluator(p, dir)
}
