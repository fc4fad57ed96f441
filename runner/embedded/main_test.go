//go:build linux

package embedded

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/sys/mountinfo"
	"github.com/tonistiigi/fsutil"
	"golang.org/x/sys/unix"

	"github.com/orch-build/orch/internal/need"
	"github.com/orch-build/orch/runner/embedded/internal/state"
	"github.com/orch-build/orch/runner/embedded/server"
)

// TestMain makes the test binary the daemon that the tests start.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == state.DaemonArg {
		if err := server.Serve(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if dir := os.Getenv(helperEnv); dir != "" {
		if err := helper(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// helperEnv makes the test binary another caller of Ensure: it names the state
// folder, and the arguments are the steps to build, each a shell script.
const helperEnv = "TEST_ENSURE_IN"

// helper prints the builder's process id on its first line, and then what ran.
func helper(dir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	d, err := Ensure(ctx, Options{StateDir: dir, Version: "1.0.0", Idle: time.Minute})
	if err != nil {
		return err
	}
	fmt.Println(d.Info.PID)
	if len(os.Args) == 1 {
		return nil
	}
	c, err := client.New(ctx, d.Address)
	if err != nil {
		return err
	}
	fs, err := fsutil.NewFS(os.Getenv("TEST_BUSYBOX"))
	if err != nil {
		return err
	}
	res, err := solve(ctx, c, fs, step(os.Args[1:]...))
	if err != nil {
		return err
	}
	fmt.Println(strings.Join(res.ran, "\n"))
	return nil
}

// newOptions returns options with a state folder of their own; what runs there
// is ended with the test. The folder's path is short, as a socket goes into it.
func newOptions(t *testing.T) Options {
	t.Helper()
	if state.LookIn(state.SearchDirs(os.Getenv("PATH")), "runc") == "" {
		need.Missing(t, "runc")
	}
	if os.Geteuid() != 0 {
		t.Skip("not root")
	}
	dir, err := os.MkdirTemp("", "orch")
	if err != nil {
		t.Fatal(err)
	}
	o := Options{StateDir: dir, Version: "1.0.0", Idle: time.Minute}
	t.Cleanup(func() {
		if _, err := Stop(context.Background(), o, AtOnce); err != nil {
			t.Errorf("stopping the builder: %v", err)
		}
		if t.Failed() {
			log, _ := LogPath(o)
			t.Logf("builder's log:\n%s", tail(log, 0, 40))
		}
		for _, m := range slices.Backward(mountsBelow(t, dir)) {
			_ = unix.Unmount(m, unix.MNT_DETACH)
		}
		os.RemoveAll(dir)
	})
	return o
}

// mountsBelow returns the mount points below dir, in the order of mounting.
func mountsBelow(t *testing.T, dir string) []string {
	t.Helper()
	infos, err := mountinfo.GetMounts(mountinfo.PrefixFilter(dir))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, m := range infos {
		out = append(out, m.Mountpoint)
	}
	return out
}

func ensure(t *testing.T, o Options) *Daemon {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	d, err := Ensure(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func dial(t *testing.T, d *Daemon) *client.Client {
	t.Helper()
	c, err := client.New(context.Background(), d.Address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// busybox is a root file system of one static program.
func busybox(t *testing.T) fsutil.FS {
	t.Helper()
	fs, err := fsutil.NewFS(busyboxDir(t))
	if err != nil {
		t.Fatal(err)
	}
	return fs
}

func busyboxDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "bin")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", "/bin/busybox", filepath.Join(dir, "sh")).CombinedOutput(); err != nil {
		t.Log(string(out))
		need.Missing(t, "static busybox")
	}
	return filepath.Dir(dir)
}

// step is a build step: a shell script on busybox, after the steps before it.
func step(scripts ...string) llb.State {
	st := llb.Scratch().File(llb.Copy(llb.Local("busybox"), "/", "/"))
	if user := os.Getenv("TEST_USER"); user != "" {
		st = st.User(user)
	}
	for _, s := range scripts {
		st = st.Run(llb.Args([]string{"/bin/sh", "-c", s})).Root()
	}
	return st
}

// result is what a solve did: the names of the steps that were not cached.
type result struct {
	ran    []string
	output strings.Builder
}

// solve builds a state and returns what ran.
func solve(ctx context.Context, c *client.Client, fs fsutil.FS, st llb.State) (*result, error) {
	def, err := st.Marshal(ctx)
	if err != nil {
		return nil, err
	}
	statuses := make(chan *client.SolveStatus)
	done := make(chan *result)
	go func() {
		res, seen := &result{}, map[string]bool{}
		for s := range statuses {
			for _, l := range s.Logs {
				res.output.Write(l.Data)
			}
			for _, v := range s.Vertexes {
				if v.Completed != nil && !v.Cached && v.Error == "" && !seen[v.Name] {
					seen[v.Name] = true
					res.ran = append(res.ran, v.Name)
				}
			}
		}
		done <- res
	}()
	_, err = c.Solve(ctx, def, client.SolveOpt{LocalMounts: map[string]fsutil.FS{"busybox": fs}}, statuses)
	res := <-done
	if err != nil {
		err = fmt.Errorf("%w\noutput: %s", err, res.output.String())
	}
	return res, err
}

// has says whether a step with this script ran.
func (r *result) has(script string) bool {
	return slices.ContainsFunc(r.ran, func(name string) bool { return strings.Contains(name, script) })
}

// eventually waits until ok holds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after 10 s still not: %s", what)
		}
	}
}

// alive says whether a process has this text in its command line.
func alive(text string) bool {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, f := range files {
		if b, err := os.ReadFile(f); err == nil && strings.Contains(string(b), text) {
			return true
		}
	}
	return false
}
