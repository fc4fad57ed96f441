//go:build linux

package server

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/moby/buildkit/util/bklog"
	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"github.com/orch-build/orch/runner/embedded/internal/state"
)

// clearLeftovers removes what a killed daemon left: containers that go on
// without it, their folders, and mounts. The caller holds the daemon's lock, so
// nobody uses them. The cache is not touched.
func clearLeftovers(p state.Paths, runtime string) error {
	bundles, err := filepath.Glob(filepath.Join(p.Root, "runc-*", "executor", "*"))
	if err != nil {
		return err
	}
	for _, dir := range bundles {
		if _, err := os.Lstat(filepath.Join(dir, "config.json")); err == nil {
			deleteContainer(runtime, filepath.Base(dir))
		}
	}
	for _, dir := range volatile(p) {
		if err := detachBelow(dir); err != nil {
			return err
		}
	}
	// Only now, with nothing mounted there any more, is it safe to remove.
	for _, dir := range volatile(p) {
		if err := emptyDir(dir); err != nil {
			return err
		}
	}
	return nil
}

// volatile returns the folders whose content means nothing to a new daemon.
func volatile(p state.Paths) []string {
	dirs := []string{p.Tmp}
	for _, name := range []string{"executor", "cachemounts"} {
		found, _ := filepath.Glob(filepath.Join(p.Root, "runc-*", name))
		dirs = append(dirs, found...)
	}
	return dirs
}

// deleteLeft deletes a container, if there is one.
func deleteLeft(runtime, id string) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if exec.CommandContext(ctx, runtime, "state", id).Run() == nil {
		deleteContainer(runtime, id)
	}
}

// deleteContainer kills a container. It is not an error if it is gone.
func deleteContainer(runtime, id string) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, runtime, "delete", "--force", id).CombinedOutput()
	if err != nil {
		bklog.L.Warnf("deleting container %s: %v: %s", id, err, out)
		return
	}
	bklog.L.Infof("deleted container %s that was left", id)
}

// detachBelow detaches every mount below dir, the innermost first.
func detachBelow(dir string) error {
	mounts, err := mountsBelow(dir)
	if err != nil {
		return err
	}
	for _, m := range slices.Backward(mounts) {
		if err := unix.Unmount(m, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil {
			return fmt.Errorf("detaching %s: %w", m, err)
		}
		bklog.L.Infof("detached %s that a killed builder left", m)
	}
	if mounts, err = mountsBelow(dir); err == nil && len(mounts) > 0 {
		err = fmt.Errorf("%s is still mounted", mounts[0])
	}
	return err
}

// mountsBelow returns the mount points below dir, in the order of mounting.
func mountsBelow(dir string) ([]string, error) {
	infos, err := mountinfo.GetMounts(mountinfo.PrefixFilter(dir))
	if err != nil {
		return nil, fmt.Errorf("reading the table of mounts: %w", err)
	}
	var out []string
	for _, m := range infos {
		if m.Mountpoint != dir {
			out = append(out, m.Mountpoint)
		}
	}
	return out, nil
}

func emptyDir(dir string) error {
	entries, err := os.ReadDir(dir)
	if os.IsNotExist(err) {
		return nil
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return err
}
