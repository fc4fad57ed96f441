//go:build !orch_split

package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/orch-build/orch/config/compose"
	"github.com/orch-build/orch/runner/buildkit/tracing"
	"github.com/orch-build/orch/runner/embedded"
)

// This is the whole orch. scripts/build packs it into a smaller one, which
// starts it when it is needed; see split.go.

// handedOver names, in the environment, the split orch that was replaced by
// this whole one.
const handedOver = "ORCH_HANDED_OVER_BY"

// setProgram says which program is the builder: this one.
func setProgram(e *env, o *embedded.Options) {
	o.Executable = e.getenv(handedOver)
}

// composeReader reads Compose files, and of what they refer to that which permit
// lets be read.
func composeReader(e *env, permit func(path string) error) composeFunc {
	e.removeUnpacked()
	return func(files []types.ConfigFile, env map[string]string, lenient bool) (*types.Project, error) {
		return compose.Load(files, env, lenient, permit)
	}
}

// startTracing begins a span.
func startTracing(ctx context.Context, e *env, name string) (context.Context, func() error, error) {
	e.removeUnpacked()
	return tracing.Start(ctx, name, e.getenv)
}

// removeUnpacked removes this program if it was unpacked for this run alone.
func (e *env) removeUnpacked() {
	if exe, err := os.Executable(); err == nil && e.getenv(handedOver) != "" &&
		strings.HasPrefix(filepath.Base(exe), "orch-program-") {
		os.Remove(exe)
	}
}
