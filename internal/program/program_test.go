//go:build linux

package program

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// unpackIn makes the test binary unpack itself into the named folder and
// execute what it has unpacked.
const unpackIn = "TEST_UNPACK_IN"

func TestMain(m *testing.M) {
	if dir := os.Getenv(unpackIn); dir != "" {
		helper(dir)
		return
	}
	os.Exit(m.Run())
}

func helper(dir string) {
	if len(os.Args) > 1 {
		exe, _ := os.Executable()
		os.Stdout.WriteString("ran " + exe)
		return
	}
	f, err := Unpack(dir, func() (io.ReadCloser, error) { return os.Open("/proc/self/exe") })
	if err != nil {
		os.Stdout.WriteString(err.Error())
		os.Exit(1)
	}
	cmd := exec.Command(f.Path, "again")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	err = cmd.Start()
	f.Close()
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		os.Stdout.WriteString("running it: " + err.Error())
		os.Exit(1)
	}
}

func TestInMemory(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), unpackIn+"="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "ran /memfd:") {
		t.Errorf("got %q, %v, want the program to run from memory", out, err)
	}
	checkEmpty(t, dir)
}

// Where programs in memory are forbidden, it is a file, which does not stay.
func TestOnDisk(t *testing.T) {
	dir := t.TempDir()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// The setting is one of a PID namespace.
	cmd := exec.Command("unshare", "--pid", "--fork", "--mount-proc", "sh", "-c",
		"echo 2 >/proc/sys/vm/memfd_noexec || exit 9; "+unpackIn+"="+dir+" exec "+exe)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.Is(err, exec.ErrNotFound) || errors.As(err, &exit) && !strings.Contains(string(out), "running it") {
		t.Skipf("cannot forbid programs in memory here: %v: %s", err, out)
	}
	if err != nil || !strings.HasPrefix(string(out), "ran "+dir) {
		t.Errorf("got %q, %v, want the program to run from %s", out, err, dir)
	}
	checkEmpty(t, dir)
}

func TestUnreadable(t *testing.T) {
	_, err := Unpack(t.TempDir(), func() (io.ReadCloser, error) { return nil, errors.New("damaged") })
	if err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("got %v, want what is wrong with the program", err)
	}
}

func checkEmpty(t *testing.T, dir string) {
	t.Helper()
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left in %s: %v, %v", dir, left, err)
	}
}
