//go:build linux

package server

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/moby/buildkit/executor"
	resourcestypes "github.com/moby/buildkit/executor/resources/types"
)

// late is an executor that leaves the folder of a step, and something that
// still puts files into it after the step has ended.
type late struct {
	executor.Executor
	dir  func(id string) string
	more int
}

func (l late) Run(_ context.Context, id string, _ executor.Mount, _ []executor.Mount, _ executor.ProcessInfo, _ chan<- struct{}) (resourcestypes.Recorder, error) {
	dev := filepath.Join(l.dir(id), "rootfs", "dev")
	if err := os.MkdirAll(dev, 0o700); err != nil {
		return nil, err
	}
	go func() {
		for range l.more {
			_ = os.WriteFile(filepath.Join(dev, "null"), nil, 0o600)
			time.Sleep(10 * time.Millisecond)
		}
	}()
	return nil, context.Canceled
}

func TestTidy(t *testing.T) {
	root := t.TempDir()
	e := newTidy(nil, root, "overlayfs")
	e.Executor = late{dir: e.bundle, more: 20}
	if _, err := e.Run(t.Context(), "step", executor.Mount{}, nil, executor.ProcessInfo{}, nil); err != context.Canceled {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond) // what is late has ended
	for range 600 {
		if left, _ := os.ReadDir(filepath.Dir(e.bundle("x"))); len(left) == 0 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if left, _ := os.ReadDir(filepath.Dir(e.bundle("x"))); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}

	// The folder of a step that runs already is not this one's.
	if err := os.MkdirAll(e.bundle("other"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, _ = e.Run(t.Context(), "other", executor.Mount{}, nil, executor.ProcessInfo{}, nil)
	time.Sleep(400 * time.Millisecond)
	if _, err := os.Lstat(e.bundle("other")); err != nil {
		t.Error(err)
	}
}
