//go:build linux

package embedded

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sys/unix"

	"github.com/orch-build/orch/runner/embedded/internal/state"
)

func TestStartAndReuse(t *testing.T) {
	t.Parallel()
	o := newOptions(t)
	first := ensure(t, o)
	if !first.Started || first.Info.PID == 0 || first.Info.Version != "1.0.0" {
		t.Errorf("first call: %+v, want a started builder of version 1.0.0", first)
	}
	res, err := solve(context.Background(), dial(t, first), busybox(t), step("echo hello > /out"))
	if err != nil {
		t.Fatal(err)
	}
	if !res.has("echo hello") {
		t.Errorf("ran %q, want the step", res.ran)
	}
	second := ensure(t, o)
	if second.Started || second.Info.PID != first.Info.PID {
		t.Errorf("second call: %+v, want the process %d reused", second, first.Info.PID)
	}
}

// The caller's terminal, folder and output are none of the builder's business,
// and the state is none of other users'.
func TestDetached(t *testing.T) {
	t.Parallel()
	o := newOptions(t)
	d := ensure(t, o)
	pid := d.Info.PID
	if sid, err := unix.Getsid(pid); err != nil || sid != pid {
		t.Errorf("session %d (%v), want one of its own, %d", sid, err, pid)
	}
	for link, want := range map[string]string{
		"cwd": "/", "fd/0": "/dev/null", "fd/1": d.Log, "fd/2": d.Log,
	} {
		if got, err := os.Readlink(fmt.Sprintf("/proc/%d/%s", pid, link)); err != nil || got != want {
			t.Errorf("%s of the builder is %s (%v), want %s", link, got, err, want)
		}
	}
	for path, want := range map[string]os.FileMode{
		o.StateDir: 0o700, newPaths(o.StateDir).Socket: 0o600, d.Log: 0o600,
	} {
		if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != want {
			t.Errorf("%s has mode %v (%v), want %v", path, fi.Mode().Perm(), err, want)
		}
	}
}

func TestTwentyAtOnce(t *testing.T) {
	t.Parallel()
	o := newOptions(t)
	var mu sync.Mutex
	pids := map[string]int{}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			out, err := helperCommand(o.StateDir).CombinedOutput()
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Errorf("a caller: %v: %s", err, out)
			}
			pids[strings.TrimSpace(string(out))]++
		})
	}
	wg.Wait()
	if len(pids) != 1 {
		t.Errorf("callers by builder: %v, want 20 with one builder", pids)
	}
}

func helperCommand(dir string, steps ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", steps...)
	cmd.Env = append(os.Environ(), helperEnv+"="+dir)
	return cmd
}

func TestIdleExit(t *testing.T) {
	t.Parallel()
	o := newOptions(t)
	o.Idle = 200 * time.Millisecond
	first := ensure(t, o)
	eventually(t, "the socket is gone", func() bool {
		_, err := os.Lstat(newPaths(o.StateDir).Socket)
		return os.IsNotExist(err)
	})
	second := ensure(t, o)
	if !second.Started || second.Info.PID == first.Info.PID {
		t.Errorf("after the idle time: %+v, want a new process", second)
	}

	// A client that stays connected keeps the builder.
	conn, err := net.Dial("unix", newPaths(o.StateDir).Socket)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(3 * o.Idle)
	if third := ensure(t, o); third.Started {
		t.Error("the builder ended although a client was connected")
	}
	conn.Close()
}

// Callers that come just when the builder ends get a builder all the same.
func TestIdleEdge(t *testing.T) {
	t.Parallel()
	o := newOptions(t)
	o.Idle = 50 * time.Millisecond
	calls := 8
	if os.Getenv("ORCH_STRESS") != "" {
		calls = 48
	}
	started := 0
	for i := range calls {
		if ensure(t, o).Started {
			started++
		}
		time.Sleep(o.Idle + time.Duration(2*i-calls)*6*time.Millisecond/time.Duration(calls)) // 6 ms to both sides
	}
	t.Logf("%d calls at the idle edge: %d starts", calls, started)
}

func TestKilledInABuild(t *testing.T) {
	t.Parallel()
	o := newOptions(t)
	fs := busybox(t)
	const done, running = "echo done > /done", "sleep 86399.5"
	d := ensure(t, o)
	c := dial(t, d)
	if _, err := solve(context.Background(), c, fs, step(done)); err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	go func() {
		_, err := solve(context.Background(), c, fs, step(done, running))
		failed <- err
	}()
	eventually(t, "the second step runs", func() bool { return alive(strings.TrimPrefix(running, "sleep ")) })
	if err := unix.Kill(d.Info.PID, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err == nil {
		t.Error("the build went well although its builder was killed")
	}
	c.Close()

	d = ensure(t, o)
	if !d.Started {
		t.Error("no new builder was started")
	}
	if alive(strings.TrimPrefix(running, "sleep ")) {
		t.Error("the killed builder's step still runs")
	}
	checkNoLeftovers(t, o)
	res, err := solve(context.Background(), dial(t, d), fs, step(done, "echo after"))
	if err != nil {
		t.Fatal(err)
	}
	if res.has(done) || !res.has("echo after") {
		t.Errorf("ran %q, want the step after the one that was done before the kill", res.ran)
	}
}

func checkNoLeftovers(t *testing.T, o Options) {
	t.Helper()
	root := newPaths(o.StateDir).Root
	for _, m := range mountsBelow(t, root) {
		if m != root {
			t.Errorf("still mounted: %s", m)
		}
	}
	bundles, _ := filepath.Glob(filepath.Join(root, "runc-*", "executor", "*", "config.json"))
	if len(bundles) > 0 {
		t.Errorf("containers left: %v", bundles)
	}
}

func TestStaleSocket(t *testing.T) {
	t.Parallel()
	o := newOptions(t)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: newPaths(o.StateDir).Socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	if d := ensure(t, o); !d.Started {
		t.Errorf("on a socket that nobody listens on: %+v, want a started builder", d)
	}
}

// A builder whose socket was removed is in nobody's way.
func TestSocketRemoved(t *testing.T) {
	t.Parallel()
	o := newOptions(t)
	first := ensure(t, o)
	if err := os.Remove(newPaths(o.StateDir).Socket); err != nil {
		t.Fatal(err)
	}
	if second := ensure(t, o); !second.Started || second.Info.PID == first.Info.PID {
		t.Errorf("%+v, want a new process", second)
	}
	eventually(t, "the first has ended", func() bool { return unix.Kill(first.Info.PID, 0) != nil })
}

func TestReplacement(t *testing.T) {
	t.Parallel()
	o := newOptions(t)
	older := ensure(t, o)

	newerOrch := o
	newerOrch.Version = "1.1.0"
	conn, err := net.Dial("unix", newPaths(o.StateDir).Socket)
	if err != nil {
		t.Fatal(err)
	}
	if d := ensure(t, newerOrch); d.Info.PID != older.Info.PID {
		t.Error("a newer orch replaced a builder that a client was connected to")
	}
	conn.Close()

	newer := ensure(t, newerOrch)
	if !newer.Started || newer.Info.Version != "1.1.0" {
		t.Errorf("a newer orch got %+v, want a builder of its own version", newer)
	}
	if d := ensure(t, o); d.Info.PID != newer.Info.PID {
		t.Errorf("an older orch got %+v, want the newer one's builder", d)
	}
}

func TestOutdated(t *testing.T) {
	file, id := Options{}.executable()
	for _, tt := range []struct {
		name          string
		mine, daemons string
		file, id      string
		want          bool
	}{
		{"same version", "1.2.0", "1.2.0", "/other", "x", false},
		{"newer", "1.10.0", "1.9.0", "/other", "x", true},
		{"newer with v", "v1.10.0", "1.9.0", "/other", "x", true},
		{"older", "1.9.0", "1.10.0", "/other", "x", false},
		{"development builds", "dev", "dev", "/other", "x", false},
		{"a development build is not newer", "dev", "1.0.0", "/other", "x", false},
		{"nor older", "1.0.0", "dev", "/other", "x", false},
		{"same file", "dev", "dev", file, id, false},
		{"same file, built anew", "dev", "dev", file, "x", true},
		{"same file, taken back to an older version", "1.0.0", "1.1.0", file, "x", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			info := &Info{Version: tt.daemons, executable: tt.file, executableID: tt.id, build: buildOf(file)}
			if got := outdated(Options{Version: tt.mine}, info); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// Stop lets the running build finish; a caller that comes meanwhile gets a new
// builder after that, with the cache of the old one.
func TestStopWaitsForBuilds(t *testing.T) {
	t.Parallel()
	o := newOptions(t)
	fs := busybox(t)
	const script = "sleep 1.5; echo slow > /slow"
	d := ensure(t, o)
	c := dial(t, d)
	built := make(chan error, 1)
	go func() {
		_, err := solve(context.Background(), c, fs, step(script))
		c.Close()
		built <- err
	}()
	eventually(t, "the step runs", func() bool { return alive(script) })
	stopped := make(chan error, 1)
	go func() {
		ok, err := Stop(context.Background(), o, AfterBuilds)
		if !ok && err == nil {
			err = fmt.Errorf("no builder was running")
		}
		stopped <- err
	}()
	if err := <-built; err != nil {
		t.Errorf("the build: %v, want it finished", err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("stop: %v", err)
	}
	next := ensure(t, o)
	if !next.Started {
		t.Error("no new builder was started")
	}
	res, err := solve(context.Background(), dial(t, next), fs, step(script))
	if err != nil {
		t.Fatal(err)
	}
	if res.has(script) {
		t.Errorf("ran %q, want the step from the cache", res.ran)
	}
}

func TestStopNow(t *testing.T) {
	t.Parallel()
	o := newOptions(t)
	fs := busybox(t)
	const script = "sleep 86398.5"
	const seen = "86398.5"
	c := dial(t, ensure(t, o))
	built := make(chan error, 1)
	go func() {
		_, err := solve(context.Background(), c, fs, step(script))
		built <- err
	}()
	eventually(t, "the step runs", func() bool { return alive(seen) })
	if ok, err := Stop(context.Background(), o, AtOnce); !ok || err != nil {
		t.Errorf("stop: %v, %v", ok, err)
	}
	if err := <-built; err == nil {
		t.Error("the build went well although it was cancelled")
	}
	if alive(seen) {
		t.Error("the step still runs")
	}
	if ok, err := Stop(context.Background(), o, AtOnce); ok || err != nil {
		t.Errorf("second stop: %v, %v, want nothing to stop", ok, err)
	}
}

// A builder that is only starting is ended too, once it can be.
func TestStopStarting(t *testing.T) {
	t.Parallel()
	o := newOptions(t)
	p := newPaths(o.StateDir)
	if err := p.Prepare(); err != nil {
		t.Fatal(err)
	}
	held := flock.New(p.Lock, flock.SetPermissions(0o600))
	if ok, err := held.TryLock(); !ok || err != nil {
		t.Fatal(ok, err)
	}
	waits := make(chan struct{}, 1)
	started := make(chan error, 1)
	starter := o
	starter.Notify = func(string) {
		select {
		case waits <- struct{}{}:
		default:
		}
	}
	go func() {
		_, err := Ensure(context.Background(), starter)
		started <- err
	}()
	<-waits // for the lock
	stopped := make(chan error, 1)
	go func() {
		ok, err := Stop(context.Background(), o, AtOnce)
		if !ok && err == nil {
			err = errors.New("no builder was running")
		}
		stopped <- err
	}()
	time.Sleep(2 * state.LockRetry)
	if err := held.Unlock(); err != nil {
		t.Fatal(err)
	}
	if err := <-started; err != nil {
		t.Errorf("start: %v", err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("stop: %v", err)
	}
	if info, err := Status(context.Background(), o); err != nil || info.Running {
		t.Errorf("status: %+v, %v, want none running", info, err)
	}
}

// A builder that hangs is named, and can be ended.
func TestHanging(t *testing.T) {
	t.Parallel()
	o := newOptions(t)
	d := ensure(t, o)
	if err := unix.Kill(d.Info.PID, unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the builder is stopped", func() bool {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.Info.PID))
		return err == nil && strings.Contains(string(b), "State:\tT")
	})
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	if _, err := Ensure(ctx, o); err == nil {
		t.Error("a builder that hangs was handed out")
	}
	if err := unix.Kill(d.Info.PID, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
}
