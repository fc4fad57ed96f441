//go:build linux

package server

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/containerd/containerd/v2/core/mount"
	"github.com/moby/buildkit/executor"
	resourcestypes "github.com/moby/buildkit/executor/resources/types"

	"github.com/orch-build/orch/runner/embedded/internal/state"
)

// late is an executor that leaves the folder of a step, or removes it, and
// something that still puts files into it after the step has ended.
type late struct {
	executor.Executor
	dir     func(id string) string
	more    int // files that are late
	removes bool
}

func (l late) Run(_ context.Context, id string, _ executor.Mount, _ []executor.Mount, _ executor.ProcessInfo, _ chan<- struct{}) (resourcestypes.Recorder, error) {
	dev := filepath.Join(l.dir(id), "rootfs", "dev")
	if err := os.MkdirAll(dev, 0o700); err != nil {
		return nil, err
	}
	if l.removes {
		if err := os.RemoveAll(l.dir(id)); err != nil {
			return nil, err
		}
	}
	go func() {
		for range l.more {
			time.Sleep(tidyPause / 2)
			_ = os.MkdirAll(dev, 0o700)
			_ = os.WriteFile(filepath.Join(dev, "null"), nil, 0o600)
		}
	}()
	return nil, context.Canceled
}

func TestTidy(t *testing.T) {
	tests := []struct {
		name, id string
		there    bool // before the step
		again    bool // a second after it
		more     int
		removes  bool
		want     int  // folders that are left
		ended    bool // the run is interrupted
		forgets  int  // containers that are deleted
	}{
		{name: "left", more: 20},
		{name: "removed, and made again", more: 4, removes: true},
		{name: "removed", removes: true},
		{name: "interrupted", removes: true, ended: true, forgets: 1},
		{name: "named, and interrupted", id: "step", removes: true, ended: true},
		{name: "named", id: "step", more: 4},
		{name: "named, and run again", id: "step", removes: true, again: true, want: 1},
		{name: "that of a step that runs already", id: "other", there: true, want: 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := newTidy(nil, t.TempDir(), "overlayfs", "")
			forgotten := 0
			e.forget = func(string) { forgotten++ }
			e.Executor = late{dir: e.bundle, more: tt.more, removes: tt.removes}
			begin := func() {
				if err := os.MkdirAll(e.bundle(tt.id), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			if tt.there {
				begin()
			}
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if tt.ended {
					cancel()
				}
				if _, err := e.Run(ctx, tt.id, executor.Mount{}, nil, executor.ProcessInfo{}, nil); err != context.Canceled {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
				if tt.again {
					begin()
				}
				time.Sleep(time.Minute)
			})
			if left, _ := os.ReadDir(filepath.Dir(e.bundle("x"))); len(left) != tt.want {
				t.Errorf("%d folders are left, want %d", len(left), tt.want)
			}
			if forgotten != tt.forgets {
				t.Errorf("%d containers are deleted, want %d", forgotten, tt.forgets)
			}
		})
	}
}

// What containerd mounts for a moment is where the next daemon clears it.
func TestTemporaryMounts(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	tmp := t.TempDir()
	s := &settings{Paths: state.Paths{Tmp: tmp}}
	if err := s.temporary(); err != nil {
		t.Fatal(err)
	}
	err := mount.WithTempMount(t.Context(), nil, func(root string) error {
		if filepath.Dir(root) != tmp {
			t.Errorf("mounted at %s, not in %s", root, tmp)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if os.TempDir() != tmp {
		t.Errorf("temporary files go to %s", os.TempDir())
	}
}
