//go:build unix

package output

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestHardLink(t *testing.T) {
	t.Chdir(t.TempDir())
	putFile(t, "a", "old content")
	must(t, os.Link("a", "b"))
	f, err := Create("a", 0o644)
	must(t, err)
	_, err = f.Write([]byte("new"))
	must(t, err)
	want(t, "b", "old content")
	must(t, f.Commit())
	want(t, "a", "new")
	want(t, "b", "new")
	wantNothingAside(t, ".")
}

func TestFIFO(t *testing.T) {
	t.Chdir(t.TempDir())
	must(t, syscall.Mkfifo("p", 0o644))
	must(t, os.Symlink("p", "l"))
	for _, name := range []string{"p", "l"} {
		got := make(chan []byte)
		go func() {
			data, _ := os.ReadFile("p")
			got <- data
		}()
		must(t, WriteFile(name, []byte("new"), 0o644))
		if data := <-got; string(data) != "new" {
			t.Errorf("%s: the reader got %q", name, data)
		}
		if info, err := os.Stat("p"); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
			t.Errorf("the FIFO is %v now (%v)", info.Mode(), err)
		}
	}
}

func TestSocket(t *testing.T) {
	t.Chdir(t.TempDir())
	l, err := net.Listen("unix", "s")
	must(t, err)
	got := make(chan []byte)
	go func() {
		c, err := l.Accept()
		if err != nil {
			close(got)
			return
		}
		data, _ := io.ReadAll(c)
		got <- data
	}()
	must(t, WriteFile("s", []byte("new"), 0o644))
	if data := <-got; string(data) != "new" {
		t.Errorf("the listener got %q", data)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	if err := WriteFile("s", []byte("new"), 0o644); err == nil || !strings.Contains(err.Error(), "nothing listens on this socket") {
		t.Errorf("nobody listens, and got %v", err)
	}
}

// A device stays one. Root could replace it.
func TestDevice(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root")
	}
	t.Chdir(t.TempDir())
	must(t, syscall.Mknod("null", syscall.S_IFCHR|0o666, 1<<8|3))
	must(t, os.Symlink("null", "l"))
	for _, name := range []string{"null", "l"} {
		if err := WriteFile(name, []byte("new"), 0o644); errors.Is(err, os.ErrPermission) {
			t.Skipf("no devices in %s", t.TempDir())
		} else if err != nil {
			t.Error(err)
		}
		if info, err := os.Stat("null"); err != nil || info.Mode()&os.ModeDevice == 0 {
			t.Errorf("%s: the device is %v now (%v)", name, info.Mode(), err)
		}
	}
}

// writer starts this test binary to write to a name.
func writer(name string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), writeEnv+"="+name)
	return cmd
}

// A descriptor is written to where it is: after what is there, as a shell has
// it.
func TestDescriptor(t *testing.T) {
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		t.Skip("no /proc")
	}
	dir := t.TempDir()
	must(t, os.Symlink("/dev/stdout", filepath.Join(dir, "l")))
	for _, name := range []string{"/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "/proc/thread-self/fd/1", filepath.Join(dir, "l")} {
		var out bytes.Buffer
		cmd := writer(name)
		cmd.Stdout, cmd.Stderr = &out, os.Stderr // a pipe
		if err := cmd.Run(); err != nil || out.String() != "new" {
			t.Errorf("%s: %v, and through the pipe came %q", name, err, out.String())
		}
		file := filepath.Join(dir, "f")
		f, err := os.Create(file)
		must(t, err)
		_, err = f.WriteString("before ")
		must(t, err)
		cmd = writer(name)
		cmd.Stdout, cmd.Stderr = f, os.Stderr
		must(t, cmd.Run())
		_, err = f.WriteString(" after")
		must(t, err)
		want(t, file, "before new after")
		f.Close()
	}
	r, w, err := os.Pipe()
	must(t, err)
	cmd := writer("/dev/fd/3")
	cmd.ExtraFiles, cmd.Stderr = []*os.File{w}, os.Stderr
	must(t, cmd.Run())
	w.Close()
	if data, _ := io.ReadAll(r); string(data) != "new" {
		t.Errorf("descriptor 3 got %q", data)
	}
}

func TestWrongDescriptor(t *testing.T) {
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		t.Skip("no /proc")
	}
	for name, text := range map[string]string{"/dev/fd/77": "77 is not open", "/dev/fd/0": "0 is open for reading only"} {
		cmd := writer(name)
		null, err := os.Open(os.DevNull)
		must(t, err)
		cmd.Stdin = null
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), text) {
			t.Errorf("%s: %v, %s", name, err, out)
		}
	}
	// What the program has open for itself is none of the caller's.
	f, err := os.CreateTemp(t.TempDir(), "")
	must(t, err)
	defer f.Close()
	if err := WriteFile(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), []byte("new"), 0o644); err == nil {
		t.Error("wrote to a descriptor of this program's own")
	}
}

// A folder that may not be written holds a file that may.
func TestReadOnlyFolder(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root")
	}
	dir, err := os.MkdirTemp("", "")
	must(t, err)
	defer os.RemoveAll(dir)
	must(t, os.Chmod(dir, 0o755))
	bin := filepath.Join(dir, "writer") // for everybody, as the test binary is not
	must(t, exec.Command("cp", os.Args[0], bin).Run())
	mine := filepath.Join(dir, "f")
	putFile(t, mine, "old, and longer")
	run := func(name string) (string, error) {
		cmd := writer(name)
		cmd.Path, cmd.Dir = bin, dir
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := run(mine); err == nil || !strings.Contains(out, "permission denied") {
		t.Errorf("a file of root's: %v, %s", err, out)
	}
	want(t, mine, "old, and longer")
	must(t, os.Chmod(mine, 0o666))
	if out, err := run(mine); err != nil {
		t.Errorf("a file for everybody: %v, %s", err, out)
	}
	want(t, mine, "new")
	if info, err := os.Stat(mine); err != nil || info.Sys().(*syscall.Stat_t).Uid != 0 {
		t.Errorf("the owner has changed: %v", err)
	}
	if out, err := run(filepath.Join(dir, "n")); err == nil || !strings.Contains(out, "n: permission denied") {
		t.Errorf("a new file: %v, %s", err, out)
	}
}

// Root's output does not take a file away from its owner.
func TestOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root")
	}
	t.Chdir(t.TempDir())
	putFile(t, "f", "old")
	must(t, os.Chown("f", 1234, 1235))
	must(t, WriteFile("f", []byte("new"), 0o644))
	info, err := os.Stat("f")
	must(t, err)
	if st := info.Sys().(*syscall.Stat_t); st.Uid != 1234 || st.Gid != 1235 {
		t.Errorf("belongs to %d:%d now", st.Uid, st.Gid)
	}
}
