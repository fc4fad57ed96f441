//go:build linux

package embedded

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/orch-build/orch/internal/need"
	"github.com/orch-build/orch/runner/embedded/internal/state"
)

// ordinaryUser makes a user for the test. Its home holds a copy of the test
// binary and of busybox, and is where its commands run.
type ordinaryUser struct {
	*user.User
	home, busybox string
}

func newOrdinaryUser(t *testing.T, flags ...string) *ordinaryUser {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("not root: cannot make a user")
	}
	for _, prog := range []string{"useradd", "runc", "newuidmap"} {
		if state.LookIn(state.SearchDirs(os.Getenv("PATH")), prog) == "" {
			need.Missing(t, prog)
		}
	}
	home, err := os.MkdirTemp("", "orch")
	if err != nil {
		t.Fatal(err)
	}
	name := "orch" + strconv.Itoa(os.Getpid()%10000)
	if out, err := exec.Command("useradd", append(flags, "-M", "-d", home, name)...).CombinedOutput(); err != nil {
		t.Fatalf("useradd: %v: %s", err, out)
	}
	t.Cleanup(func() {
		// What still runs as the user would keep userdel from its work.
		if out, err := exec.Command("userdel", "-f", name).CombinedOutput(); err != nil {
			t.Logf("userdel: %v: %s", err, out)
		}
		os.RemoveAll(home)
	})
	u, err := user.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	o := &ordinaryUser{u, home, filepath.Join(home, "busybox")}
	exe, _ := os.Executable()
	for _, args := range [][]string{
		{"cp", exe, filepath.Join(home, "orch")},
		{"cp", "-r", busyboxDir(t), o.busybox},
		{"chown", "-R", u.Uid + ":" + u.Gid, home},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", args, err, out)
		}
	}
	return o
}

// run runs the helper of TestMain as the user and returns its output.
func (u *ordinaryUser) run(env []string, steps ...string) (string, error) {
	cmd := exec.Command(filepath.Join(u.home, "orch"), steps...)
	cmd.Dir = u.home
	cmd.Env = append([]string{
		"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + u.home, "USER=" + u.Username,
		"TEST_BUSYBOX=" + u.busybox, helperEnv + "=" + u.state(),
	}, env...)
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (u *ordinaryUser) state() string { return filepath.Join(u.home, "state") }

func TestRootless(t *testing.T) {
	u := newOrdinaryUser(t)
	o := Options{StateDir: u.state()}
	t.Cleanup(func() {
		if _, err := Stop(context.Background(), o, AtOnce); err != nil {
			t.Errorf("stopping the builder: %v", err)
		}
	})
	const own = "echo a > /a; chown 33:33 /a; test $(stat -c %u:%g /a) = 33:33"
	out, err := u.run(nil, own)
	if err != nil {
		t.Fatalf("building as an ordinary user: %v: %s\nlog:\n%s", err, out, tail(newPaths(u.state()).Log, 0, 30))
	}
	if !strings.Contains(out, "chown 33:33") {
		t.Errorf("output %q, want the step", out)
	}
	first, _, _ := strings.Cut(out, "\n")
	fi, err := os.Stat("/proc/" + first)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(fi.Sys().(*syscall.Stat_t).Uid); got != u.Uid {
		t.Errorf("the builder runs as user %s, want %s", got, u.Uid)
	}
	out, err = u.run(nil, own)
	if err != nil {
		t.Fatalf("again: %v: %s", err, out)
	}
	second, rest, _ := strings.Cut(out, "\n")
	if second != first {
		t.Errorf("the second call got process %s, want %s", second, first)
	}
	if strings.Contains(rest, "chown") {
		t.Errorf("the second call ran %q, want the step from the cache", rest)
	}
}

// The steps of a killed builder end although some run as other users, whom
// the next builder, in another user namespace, may not signal.
func TestRootlessKilled(t *testing.T) {
	u := newOrdinaryUser(t)
	t.Cleanup(func() { _, _ = Stop(context.Background(), Options{StateDir: u.state()}, AtOnce) })
	const seen = "86397.5"
	failed := make(chan error, 1)
	go func() {
		_, err := u.run([]string{"TEST_USER=33:33"}, "sleep "+seen+"; true")
		failed <- err
	}()
	eventually(t, "the step runs", func() bool { return alive("sh\x00-c\x00sleep " + seen) })
	info, err := Status(context.Background(), Options{StateDir: u.state()})
	if err != nil {
		t.Fatal(err)
	}
	if info.PID == 0 {
		t.Fatal("no builder is running")
	}
	if err := syscall.Kill(info.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err == nil {
		t.Error("the build went well although its builder was killed")
	}
	if out, err := u.run(nil, "echo after"); err != nil {
		t.Errorf("after the kill: %v: %s", err, out)
	}
	if alive(seen) {
		t.Error("the killed builder's step still runs")
	}
	if t.Failed() {
		t.Logf("log:\n%s", tail(newPaths(u.state()).Log, 0, 30))
	}
}

// Without a range of subordinate ids the error names what is missing.
func TestRootlessWithoutRange(t *testing.T) {
	u := newOrdinaryUser(t, "-K", "SUB_UID_COUNT=0", "-K", "SUB_GID_COUNT=0")
	out, err := u.run(nil)
	if err == nil || !strings.Contains(out, "/etc/subuid has no range for "+u.Username) {
		t.Errorf("got %v: %s, want an error that names /etc/subuid", err, out)
	}
}
