//go:build linux

package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"github.com/moby/buildkit/util/bklog"

	"github.com/orch-build/orch/runner/embedded/internal/intact"
	"github.com/orch-build/orch/runner/embedded/internal/state"
)

// heal sets aside what is damaged of the builder's state. The state is a cache:
// without it, builds take longer and come out the same.
func heal(s settings, rep state.Reporter) error {
	bad, sealed := intact.Damaged(s.Root, s.Seal)
	if !sealed && len(bad) == 0 {
		bad = lookInto(s)
	}
	if len(bad) == 0 {
		return nil
	}
	alone := !slices.ContainsFunc(bad, func(rel string) bool { return !slices.Contains(intact.Alone, rel) })
	parts := []string{""}
	if alone {
		parts = bad
	}
	return setAside(s, rep, strings.Join(bad, ", ")+" is not as the builder left it", parts...)
}

// setAside moves damaged state out of the way and says so.
func setAside(s settings, rep state.Reporter, why string, parts ...string) error {
	if err := intact.SetAside(s.Root, s.Damaged, parts...); err != nil {
		return s.Explain(err)
	}
	if err := os.MkdirAll(s.Root, 0o700); err != nil {
		return s.Explain(err)
	}
	empty := "the builder starts with an empty cache"
	if parts[0] != "" {
		empty = "the builder goes on without it, and builds some steps again"
	}
	text := fmt.Sprintf("the builder's state was damaged: %s. It is set aside in %s; %s", why, s.Damaged, empty)
	bklog.L.Warn(text)
	rep.Say(state.ReportWarn, text)
	go intact.Trim(s.Damaged)
	return nil
}

// lookInto reads the databases of a builder that did not end well, in a process
// of its own, as a damaged one can end it.
func lookInto(s settings) []string {
	var bad []string
	for _, rel := range intact.Databases(s.Root) {
		cmd := exec.Command("/proc/self/exe", os.Args[1], "--state-dir="+s.State, "--look="+filepath.Join(s.Root, rel))
		out, err := cmd.CombinedOutput()
		var ended *exec.ExitError
		switch {
		case errors.As(err, &ended):
			bklog.L.Warnf("%s is damaged: %s", rel, firstLines(string(out), 5))
			bad = append(bad, rel)
		case err != nil:
			bklog.L.Warnf("looking into %s: %v", rel, err)
		}
	}
	return bad
}

func firstLines(text string, n int) string {
	lines := strings.SplitN(strings.TrimSpace(text), "\n", n+1)
	return strings.Join(lines[:min(n, len(lines))], "\n")
}

// newHealed is newDaemon, and once more with an empty state if it does not work
// with the one that is there.
func newHealed(ctx context.Context, s settings, rep state.Reporter) (*daemon, error) {
	d, err := newCaught(ctx, s)
	if err == nil || surrounded(err) || !hasState(s.Root) {
		return d, err
	}
	if asideErr := setAside(s, rep, err.Error(), ""); asideErr != nil {
		return nil, errors.Join(err, asideErr)
	}
	return newCaught(ctx, s)
}

// newCaught is newDaemon with a panic as an error.
func newCaught(ctx context.Context, s settings) (d *daemon, err error) {
	defer func() {
		if r := recover(); r != nil {
			bklog.L.Errorf("panic: %v\n%s", r, debug.Stack())
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return newDaemon(ctx, s)
}

// surrounded says whether an error is one of the machine and not of the state.
func surrounded(err error) bool {
	return errors.Is(err, fs.ErrPermission) || slices.ContainsFunc([]error{
		syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EAGAIN,
	}, func(e error) bool { return errors.Is(err, e) })
}

// hasState says whether an earlier builder has left anything.
func hasState(root string) bool {
	entries, err := os.ReadDir(root)
	return err != nil || len(entries) > 0
}
