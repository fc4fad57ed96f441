//go:build linux && orch_split

package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/hashicorp/hcl/v2"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/program"
	"github.com/orch-build/orch/load"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner/buildkit/sourcepolicy"
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
// them (-X main.wholeSum=…).
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

// setProgram says which program is the builder: the whole orch.
func setProgram(_ *env, o *embedded.Options) { o.Program = openWhole }

// composeReader reads no Compose files, but starts this command over in the
// whole orch, which does.
func composeReader(e *env, _ func(path string) error, _ func(hcl.Diagnostics, map[string][]byte) error) load.ComposeReader {
	return func([]types.ConfigFile, map[string]string, bool) (*types.Project, error) {
		return nil, fmt.Errorf("starting the part of orch that reads Compose files: %w", e.handOver())
	}
}

// startTracing starts this command over in the whole orch, which has what sends
// traces.
func startTracing(_ context.Context, e *env, _ string) (context.Context, func() error, error) {
	return nil, nil, fmt.Errorf("starting the part of orch that sends traces: %w", e.handOver())
}

// needWhole starts this command over in the whole orch if it has to evaluate
// policies.
func needWhole(e *env, needed func() (bool, error)) error {
	any, err := needed()
	if err != nil || !any {
		return err
	}
	return fmt.Errorf("starting the part of orch that evaluates policies: %w", e.handOver())
}

// compilePolicies finds nothing: whoever has policies is the whole orch by then.
func compilePolicies(context.Context) func(*policies.Policies, []*config.Target) hcl.Diagnostics {
	return func(*policies.Policies, []*config.Target) hcl.Diagnostics { return nil }
}

// policyEvaluator is nil: a run with policies is that of the whole orch.
func (e *env) policyEvaluator() func(context.Context, *planner.Build, sourcepolicy.Host) (*sourcepolicy.Policy, error) {
	return nil
}

// handOver replaces this process by the whole orch with the same command line.
// It returns only if that fails.
func (e *env) handOver() error {
	if err := e.rewindStdin(); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	environ := append(os.Environ(), handedOver+"="+self)
	if path, err := e.keepWhole(); err == nil {
		_ = syscall.Exec(path, os.Args, environ) // it returns only if it fails
	}
	prog, err := program.Unpack(os.TempDir(), openWhole)
	if err != nil {
		return err
	}
	defer prog.Close()
	return syscall.Exec(prog.Path, os.Args, environ)
}

// keepWhole unpacks the whole orch into the state folder, where the next call
// finds it. Where nothing can be kept, each call unpacks it for itself.
func (e *env) keepWhole() (string, error) {
	dir, err := embedded.DefaultStateDir(e.getenv)
	if err != nil {
		return "", err
	}
	size, err := strconv.ParseInt(wholeSize, 10, 64)
	if err != nil || wholeSum == "" {
		return "", errors.New("this program does not know what it has packed")
	}
	return program.Keep(filepath.Join(dir, "programs"), program.Kept{Sum: wholeSum, Size: size, Open: openWhole})
}

// rewindStdin gives the process its standard input back if a definition was
// read from it.
func (e *env) rewindStdin() error {
	read, ok := e.stdin.(*bytes.Reader)
	if !ok {
		return nil
	}
	fd, err := unix.MemfdCreate("stdin", unix.MFD_CLOEXEC)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), "stdin")
	defer f.Close()
	if _, err := io.Copy(f, read); err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return unix.Dup3(fd, int(os.Stdin.Fd()), 0)
}
