//go:build linux

package server

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/moby/buildkit/executor"
	resourcestypes "github.com/moby/buildkit/executor/resources/types"
	"github.com/moby/buildkit/identity"
	"github.com/moby/buildkit/util/bklog"
)

// How often, and how long after the step, its folder is tried again.
const (
	tidyTries = 40
	tidyPause = 250 * time.Millisecond
)

// tidy is an executor that sees to it that nothing of a step stays. Where a
// step is interrupted while runc is still setting it up, what runc has begun
// goes on for a moment in its own view of the mounts: BuildKit unmounts the
// root file system and removes the folder of the step, and the devices that are
// made after that are made in this folder, which then cannot be removed.
type tidy struct {
	executor.Executor
	// bundle is where the folder of a step is.
	bundle func(id string) string
}

func newTidy(of executor.Executor, root, snapshotter string) tidy {
	return tidy{of, func(id string) string { return filepath.Join(root, "runc-"+snapshotter, "executor", id) }}
}

func (t tidy) Run(ctx context.Context, id string, rootfs executor.Mount, mounts []executor.Mount, process executor.ProcessInfo, started chan<- struct{}) (resourcestypes.Recorder, error) {
	if id == "" {
		id = identity.NewID()
	}
	dir := t.bundle(id)
	_, before := os.Lstat(dir) // that of another step with the same name stays
	rec, err := t.Executor.Run(ctx, id, rootfs, mounts, process, started)
	if _, after := os.Lstat(dir); os.IsNotExist(before) && after == nil {
		go removeBundle(dir)
	}
	return rec, err
}

// removeBundle removes the folder of a step that has ended, as soon as nothing
// is put into it any more.
func removeBundle(dir string) {
	var err error
	for range tidyTries {
		if err = detachBelow(dir); err == nil {
			err = os.RemoveAll(dir)
		}
		if err == nil {
			if _, gone := os.Lstat(dir); os.IsNotExist(gone) {
				return
			}
		}
		time.Sleep(tidyPause)
	}
	bklog.L.Warnf("the folder of an interrupted step stays until the builder starts again: %v", err)
}
