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

// How often the folder of a step that has ended is looked at, how long after it
// was last there, and how long at most.
const (
	tidyPause = 250 * time.Millisecond
	tidyQuiet = 10 * time.Second
	tidyLimit = 5 * time.Minute
)

// tidy is an executor that sees to it that nothing of a step stays. Where a
// step is interrupted while runc is still setting it up, what runc has begun
// goes on for a moment in its own view of the mounts: BuildKit unmounts the
// root file system and removes the folder of the step, and the devices that are
// made after that are made in this folder, which then cannot be removed, or which
// is made anew after it was removed. In the same way runc notes a container that
// BuildKit has looked for before, and not found.
type tidy struct {
	executor.Executor
	// bundle is where the folder of a step is.
	bundle func(id string) string
	// forget deletes the container of a step, if it is there.
	forget func(id string)
}

func newTidy(of executor.Executor, root, snapshotter, runtime string) tidy {
	return tidy{
		of,
		func(id string) string { return filepath.Join(root, "runc-"+snapshotter, "executor", id) },
		func(id string) { deleteLeft(runtime, id) },
	}
}

func (t tidy) Run(ctx context.Context, id string, rootfs executor.Mount, mounts []executor.Mount, process executor.ProcessInfo, started chan<- struct{}) (resourcestypes.Recorder, error) {
	var quiet time.Duration // a step with a name of its own may come again
	if id == "" {
		id, quiet = identity.NewID(), tidyQuiet
	}
	dir := t.bundle(id)
	_, before := os.Lstat(dir) // that of another step with the same name stays
	rec, err := t.Executor.Run(ctx, id, rootfs, mounts, process, started)
	if _, after := os.Lstat(dir); os.IsNotExist(before) && (after == nil || err != nil && quiet > 0) {
		interrupted := ctx.Err() != nil && quiet > 0
		go func() {
			removeBundle(dir, quiet)
			if interrupted {
				t.forget(id)
			}
		}()
	}
	return rec, err
}

// removeBundle removes the folder of a step that has ended, until nothing has put
// anything into it for so long.
func removeBundle(dir string, quiet time.Duration) {
	begun := time.Now()
	for last := begun; ; time.Sleep(tidyPause) {
		if _, err := os.Lstat(dir); os.IsNotExist(err) {
			if time.Since(last) >= quiet {
				return
			}
			continue
		}
		last = time.Now()
		err := detachBelow(dir)
		if err == nil {
			err = os.RemoveAll(dir)
		}
		if err != nil && time.Since(begun) > tidyLimit {
			bklog.L.Warnf("the folder of an interrupted step stays until the builder starts again: %v", err)
			return
		}
	}
}
