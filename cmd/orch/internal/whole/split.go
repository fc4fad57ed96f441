//go:build linux && orch_split

package whole

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"io"
	"path/filepath"
	"strconv"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/hashicorp/hcl/v2"
	"github.com/klauspost/compress/zstd"

	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/cmd/orch/internal/parts"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/program"
	"github.com/orch-build/orch/internal/statedir"
	"github.com/orch-build/orch/load"
	"github.com/orch-build/orch/runner/embedded"
	"github.com/orch-build/orch/runner/policies"
)

// This is the split orch: the part that most commands need, and packed inside
// it the whole. Everything that is linked into a program is initialised
// whenever it starts, and BuildKit's server and the reader of Compose files
// take longer for that than all the rest. So they are left out, and the whole
// orch is unpacked and executed when one of them is needed.
//
// whole is the program of a plain "go build ./cmd/orch", packed with zstd;
// scripts/build puts it here.
//
//go:embed whole.zst
var whole []byte

// wholeSum and wholeSize are of the program that is packed. scripts/build sets
// them (-X …/whole.wholeSum=…).
var wholeSum, wholeSize string

func openWhole() (io.ReadCloser, error) {
	r, err := zstd.NewReader(bytes.NewReader(whole))
	if err != nil {
		return nil, err
	}
	return r.IOReadCloser(), nil
}

// handedOver names, in the environment, the split orch that was replaced by
// the whole one.
const handedOver = "ORCH_HANDED_OVER_BY"

// SetProgram says which program is the builder: the whole orch.
func (Parts) SetProgram(_ *cli.Env, o *embedded.Options) { o.Program = openWhole }

// ComposeReader reads no Compose files, but starts this command over in the
// whole orch, which does.
func (Parts) ComposeReader(e *cli.Env, _ func(path string) error, _ func(hcl.Diagnostics, map[string][]byte) error) load.ComposeReader {
	return func([]types.ConfigFile, map[string]string, bool) (*types.Project, error) {
		return nil, fmt.Errorf("starting the part of orch that reads Compose files: %w", handOver(e))
	}
}

// StartTracing starts this command over in the whole orch, which has what sends
// traces.
func (Parts) StartTracing(_ context.Context, e *cli.Env, _ string) (context.Context, func() error, error) {
	return nil, nil, fmt.Errorf("starting the part of orch that sends traces: %w", handOver(e))
}

// NeedPolicies starts this command over in the whole orch if it has to evaluate
// policies.
func (Parts) NeedPolicies(e *cli.Env, needed func() (bool, error)) error {
	any, err := needed()
	if err != nil || !any {
		return err
	}
	return fmt.Errorf("starting the part of orch that evaluates policies: %w", handOver(e))
}

// CompilePolicies finds nothing: whoever has policies is the whole orch by then.
func (Parts) CompilePolicies(context.Context, *policies.Policies, []*config.Target) hcl.Diagnostics {
	return nil
}

// PolicyEvaluator is nil: a run with policies takes the whole orch.
func (Parts) PolicyEvaluator(*policies.Policies, func() (string, error)) parts.PolicyFunc {
	return nil
}

// handOver replaces this process by the whole orch with the same command line.
// It returns only if that fails.
func handOver(e *cli.Env) error {
	h := program.Handover{Mark: handedOver, Open: openWhole}
	if dir, err := statedir.Default(e.Getenv); err == nil {
		h.Dir = filepath.Join(dir, "programs")
	}
	if size, err := strconv.ParseInt(wholeSize, 10, 64); err == nil && wholeSum != "" {
		h.Kept = program.Kept{Sum: wholeSum, Size: size, Open: openWhole}
	}
	// A definition that was read from standard input is read again.
	if read, ok := e.Stdin.(*bytes.Reader); ok {
		h.Stdin = read
	}
	return h.Exec()
}
