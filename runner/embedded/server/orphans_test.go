//go:build linux

package server

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/plugins/snapshots/native"
)

// TestOrphans begins with what a builder leaves that was killed after it had made the
// folder of a layer, and before it committed its number.
func TestOrphans(t *testing.T) {
	for _, before := range []int{0, 1} { // layers that were committed
		root := t.TempDir()
		sn := openSnapshotter(t, root)
		for range before {
			prepare(t, sn, "kept")
		}
		if err := sn.Close(); err != nil {
			t.Fatal(err)
		}
		number := string(rune('1' + before))
		if err := os.MkdirAll(filepath.Join(root, "snapshots", number, "fs"), 0o755); err != nil {
			t.Fatal(err)
		}
		sn = openSnapshotter(t, root)
		prepare(t, sn, "next")
		if before > 0 {
			if _, err := sn.Mounts(t.Context(), "kept"); err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(filepath.Join(root, "snapshots", "1")); err != nil {
				t.Error(err)
			}
		}
		if err := sn.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func openSnapshotter(t *testing.T, root string) snapshots.Snapshotter {
	t.Helper()
	sn, err := withoutOrphans(native.NewSnapshotter)(root)
	if err != nil {
		t.Fatal(err)
	}
	return sn
}

func prepare(t *testing.T, sn snapshots.Snapshotter, key string) {
	t.Helper()
	if _, err := sn.Prepare(context.Background(), key, ""); err != nil {
		t.Fatal(err)
	}
}
