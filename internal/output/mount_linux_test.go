package output

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// inNamespace runs the test again with mounts of its own, and says whether this
// is that run.
func inNamespace(t *testing.T) bool {
	t.Helper()
	const marker = "TEST_OUTPUT_MOUNTS"
	if os.Getenv(marker) != "" {
		must(t, syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""))
		return true
	}
	if os.Geteuid() != 0 {
		t.Skip("not root")
	}
	cmd := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), marker+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, syscall.EPERM) {
		t.Skip("no mounts here")
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}

// mount mounts until the test is over.
func mount(t *testing.T, what, dir string, flags uintptr, options string) {
	t.Helper()
	must(t, syscall.Mount(what, dir, what, flags, options))
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
}

// small mounts a disk of 1 MB, on which 256 kB are free.
func small(t *testing.T, dir string) {
	t.Helper()
	must(t, os.MkdirAll(dir, 0o755))
	mount(t, "tmpfs", dir, 0, "size=1m")
	must(t, os.WriteFile(filepath.Join(dir, "filler"), make([]byte, 768<<10), 0o644))
}

func TestFullDisk(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	t.Chdir(t.TempDir())
	small(t, "d")
	must(t, os.Mkdir("d/sub", 0o755))
	putFile(t, "d/f", "old")
	putFile(t, "d/h", "old")
	must(t, os.Link("d/h", "d/i"))
	must(t, os.Symlink("d/f", "l"))
	for _, name := range []string{"d/f", "d/h", "d/new", "l"} {
		err := WriteFile(name, make([]byte, 512<<10), 0o644)
		var e *Error
		if !errors.As(err, &e) || !errors.Is(err, syscall.ENOSPC) || e.Full == nil || e.Full.Total != 1<<20 {
			t.Fatalf("%s: %v, want that the disk is full", name, err)
		}
		// As it was when it was full, and not afterwards.
		if e.Full.Free > 64<<10 || !strings.Contains(err.Error(), name+": no space left on device (the disk of d/ had ") {
			t.Errorf("%s: %v", name, err)
		}
		wantNothingAside(t, "d")
	}
	want(t, "d/f", "old")
	want(t, "d/i", "old")
	if _, err := os.Stat("d/new"); !os.IsNotExist(err) {
		t.Errorf("a part of the new file is left: %v", err)
	}
	// The content fits once, but not a second time beside the file that it has
	// to be copied into.
	old := bytes.Repeat([]byte("o"), 100<<10)
	must(t, os.WriteFile("d/h", old, 0o644))
	var e *Error
	if err := WriteFile("d/h", make([]byte, 120<<10), 0o644); !errors.Is(err, syscall.ENOSPC) || !errors.As(err, &e) || e.Full == nil || e.Full.Free > 64<<10 {
		t.Errorf("got %v", err)
	}
	want(t, "d/h", string(old))
	wantNothingAside(t, "d")
}

// A folder that others write to and that has no room, whatever they say of it.
func TestFullFolder(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	t.Chdir(t.TempDir())
	small(t, "d")
	for name, dir := range map[string]string{"d/out": "d", "d": "d", "new/out": "new"} {
		d, err := CreateFolder(name)
		must(t, err)
		room := !strings.HasPrefix(name, "d")
		if !room != (os.WriteFile(filepath.Join(d.Path(), "large"), make([]byte, 512<<10), 0o644) != nil) {
			t.Fatalf("%s: room is %t", name, room)
		}
		for _, says := range []string{"exporting: EOF", "error from receiver: context canceled", "write x: no space left on device"} {
			e := d.Full(errors.New(says))
			if (e == nil) != room {
				t.Fatalf("%s, %q: %v", name, says, e)
			}
			if e != nil && (e.Name != name || !IsFull(e) || e.Full == nil || e.Full.Free > probeSize || e.Full.Total != 1<<20 || filepath.Base(e.Full.Dir) != dir) {
				t.Errorf("%s, %q: %v", name, says, e)
			}
		}
		if e := d.Full(errors.New("403 Forbidden")); e != nil {
			t.Errorf("%s: %v", name, e)
		}
		d.Discard()
		wantNothingAside(t, dir)
	}
	// Once there is room again, the text is all that is known.
	says := errors.New("write d/ingest/x: no space left on device")
	if e := Full("d", "d/ingest", says); e == nil || e.Error() != "d: no space left on device" {
		t.Errorf("%v", e)
	}
	for _, other := range []string{"new", "ingest", "x"} {
		if e := Full(other, other, says); e != nil {
			t.Errorf("of another folder: %v", e)
		}
	}
}

// A file that is a mount point can be written and not replaced.
func TestMountedFile(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	t.Chdir(t.TempDir())
	putFile(t, "real", "old, and longer")
	putFile(t, "f", "below")
	must(t, os.Symlink("f", "l"))
	mount(t, "real", "f", syscall.MS_BIND, "")
	for _, name := range []string{"f", "l"} {
		must(t, os.WriteFile("real", []byte("old, and longer"), 0o644))
		must(t, WriteFile(name, []byte("new"), 0o644))
		want(t, "real", "new")
		want(t, "f", "new")
	}
	// The same in a folder on which nothing can be made.
	must(t, os.Mkdir("ro", 0o755))
	putFile(t, "ro/f", "")
	mount(t, "ro", "ro", syscall.MS_BIND, "")
	mount(t, "real", "ro/f", syscall.MS_BIND, "")
	must(t, syscall.Mount("", "ro", "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	must(t, WriteFile("ro/f", []byte("newer"), 0o644))
	want(t, "real", "newer")
	if err := WriteFile("ro/g", []byte("new"), 0o644); !errors.Is(err, syscall.EROFS) {
		t.Errorf("got %v, want that the file system is read-only", err)
	}
	wantNothingAside(t, ".")
}

// A folder that is a mount point, and one that holds some.
func TestMountedFolder(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	t.Chdir(t.TempDir())
	for _, dir := range []string{"disk", "bind", "real", "holder/tmp", "holder/bound"} {
		must(t, os.MkdirAll(dir, 0o755))
	}
	mount(t, "tmpfs", "disk", 0, "")
	mount(t, "real", "bind", syscall.MS_BIND, "")
	mount(t, "tmpfs", "holder/tmp", 0, "")
	putFile(t, "real/m", "old")
	putFile(t, "holder/bound/m", "below")
	mount(t, "real/m", "holder/bound/m", syscall.MS_BIND, "")
	putFile(t, "holder/tmp/a", "old")
	for _, name := range []string{"disk", "bind", "holder"} {
		d, err := CreateFolder(name)
		must(t, err)
		for _, dir := range []string{"tmp/deep", "bound"} {
			must(t, os.MkdirAll(filepath.Join(d.Path(), dir), 0o755))
		}
		putFile(t, filepath.Join(d.Path(), "tmp/a"), "new")
		putFile(t, filepath.Join(d.Path(), "tmp/deep/b"), "new")
		putFile(t, filepath.Join(d.Path(), "bound/m"), "new")
		must(t, os.Symlink("a", filepath.Join(d.Path(), "tmp/l")))
		must(t, d.Commit())
		want(t, name+"/tmp/a", "new")
		want(t, name+"/tmp/deep/b", "new")
		want(t, name+"/tmp/l", "new")
		want(t, name+"/bound/m", "new")
		wantNothingAside(t, ".")
	}
	want(t, "real/m", "new")
}
