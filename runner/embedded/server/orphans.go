//go:build linux

package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/core/snapshots/storage"
	"github.com/containerd/errdefs"
	"github.com/moby/buildkit/util/bklog"
)

// orphanPrefix begins the names of folders that are being removed.
const orphanPrefix = "orphan-"

// withoutOrphans is a snapshotter that begins without what a killed one left.
func withoutOrphans(open func(root string) (snapshots.Snapshotter, error)) func(root string) (snapshots.Snapshotter, error) {
	return func(root string) (snapshots.Snapshotter, error) {
		if err := dropOrphans(context.Background(), root); err != nil {
			bklog.L.Warnf("removing what a killed builder left in %s: %v", root, err)
		}
		return open(root)
	}
}

// dropOrphans removes the folders of snapshots that the database does not know. A
// snapshotter makes the folder before it commits the number, so that one that was killed
// in between finds, when it gives the number out again, that the folder is there, and
// fails.
func dropOrphans(ctx context.Context, root string) error {
	dir := filepath.Join(root, "snapshots")
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	known, err := snapshotIDs(ctx, filepath.Join(root, "metadata.db"))
	if err != nil {
		return err
	}
	var orphans []string
	for _, e := range entries {
		if _, err := strconv.ParseUint(e.Name(), 10, 64); err != nil || known[e.Name()] != "" {
			continue
		}
		path := filepath.Join(dir, orphanPrefix+e.Name())
		if err := os.Rename(filepath.Join(dir, e.Name()), path); err != nil {
			return err
		}
		orphans = append(orphans, path)
	}
	if len(orphans) == 0 {
		return nil
	}
	bklog.L.Infof("removing %d folders of layers that a killed builder left", len(orphans))
	go func() { // they may hold much, and what is still there next time goes with the next collection
		for _, path := range orphans {
			if err := os.RemoveAll(path); err != nil {
				bklog.L.Warnf("removing %s: %v", path, err)
			}
		}
	}()
	return nil
}

// snapshotIDs are the numbers that a snapshotter's database has given out, with what
// they stand for.
func snapshotIDs(ctx context.Context, db string) (known map[string]string, err error) {
	if _, err := os.Lstat(db); errors.Is(err, fs.ErrNotExist) {
		return nil, nil // it has committed nothing
	}
	store, err := storage.NewMetaStore(db)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	err = store.WithTransaction(ctx, false, func(ctx context.Context) (err error) {
		known, err = storage.IDMap(ctx)
		return err
	})
	switch {
	case errdefs.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reading %s: %w", db, err)
	}
	return known, nil
}
