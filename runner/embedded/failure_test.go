//go:build linux

package embedded

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/orch-build/orch/runner/embedded/internal/state"
)

// refused calls Ensure and wants an error that contains each of the texts.
func refused(t *testing.T, o Options, want ...string) {
	t.Helper()
	d, err := Ensure(context.Background(), o)
	if err == nil {
		t.Fatalf("got a builder, %+v, want an error", d)
	}
	for _, text := range want {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("error %q does not say %q", err, text)
		}
	}
	t.Log(err)
}

func TestNoRuntime(t *testing.T) {
	o := newOptions(t)
	t.Setenv("PATH", t.TempDir())
	refused(t, o, "cannot start", "apt-get install runc", "dnf install runc", "apk add runc", "pacman -S runc",
		filepath.Join(o.StateDir, "builder.log"))
}

func TestStateFolderIsAFile(t *testing.T) {
	t.Parallel()
	o := newOptions(t)
	file := filepath.Join(o.StateDir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	o.StateDir = filepath.Join(file, "state")
	refused(t, o, o.StateDir, "is not a folder", "ORCH_STATE_DIR")
	o.StateDir = file
	refused(t, o, o.StateDir, "is not a folder", "ORCH_STATE_DIR")
}

// mountTmpfs mounts a file system of its own below the state folder's parent.
func mountTmpfs(t *testing.T, o Options, flags uintptr, options string) string {
	t.Helper()
	dir := filepath.Join(o.StateDir, "mnt")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", flags, options); err != nil {
		t.Skipf("no tmpfs here: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

func TestStateFolderReadOnly(t *testing.T) {
	t.Parallel()
	o := newOptions(t)
	o.StateDir = filepath.Join(mountTmpfs(t, o, unix.MS_RDONLY, ""), "state")
	refused(t, o, o.StateDir, "cannot be written", "ORCH_STATE_DIR")
}

func TestStateFolderFull(t *testing.T) {
	t.Parallel()
	o := newOptions(t)
	o.StateDir = mountTmpfs(t, o, 0, "size=64k")
	refused(t, o, o.StateDir, "no space left", "ORCH_STATE_DIR")
}

func TestSocketPathTooLong(t *testing.T) {
	t.Parallel()
	o := newOptions(t)
	o.StateDir = filepath.Join(o.StateDir, strings.Repeat("long", 30))
	refused(t, o, o.StateDir, "too long for a socket", "ORCH_STATE_DIR")
	if _, err := os.Stat(o.StateDir); !os.IsNotExist(err) {
		t.Errorf("the folder was made all the same: %v", err)
	}
}

// A daemon that dies while it starts is reported with what it wrote.
func TestDiesAtStart(t *testing.T) {
	t.Parallel()
	o := newOptions(t)
	o.Command = []string{state.DaemonArg, "--no-such-flag"}
	refused(t, o, "ended while it started", "no-such-flag", filepath.Join(o.StateDir, "builder.log"))
}

func TestDamagedDatabase(t *testing.T) {
	t.Parallel()
	o := newOptions(t)
	root := newPaths(o.StateDir).Root
	if err := os.MkdirAll(root, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "cache.db"), []byte(strings.Repeat("damaged", 10000)), 0o600); err != nil {
		t.Fatal(err)
	}
	ensure(t, o)
}
