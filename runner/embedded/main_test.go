//go:build linux

package embedded

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"
	"github.com/tonistiigi/fsutil"
)

// TestMain makes the test binary the daemon that the tests start.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == daemonArg {
		if err := Serve(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// newOptions returns options with a state folder of their own; what runs there
// is ended with the test. The folder's path is short, as a socket goes into it.
func newOptions(t *testing.T) Options {
	t.Helper()
	if _, err := findRuntime(os.Getenv("PATH")); err != nil {
		t.Skip("no runc on this machine")
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
		if _, err := Stop(context.Background(), o, true); err != nil {
			t.Errorf("stopping the builder: %v", err)
		}
		if t.Failed() {
			log, _ := LogPath(o)
			t.Logf("builder's log:\n%s", tail(log, 0, 40))
		}
		if err := clearLeftovers(newPaths(dir), "runc"); err != nil {
			t.Fatal(err)
		}
		os.RemoveAll(dir)
	})
	return o
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
	dir := filepath.Join(t.TempDir(), "bin")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", "/bin/busybox", filepath.Join(dir, "sh")).CombinedOutput(); err != nil {
		t.Skipf("no static busybox on this machine: %s", out)
	}
	fs, err := fsutil.NewFS(filepath.Dir(dir))
	if err != nil {
		t.Fatal(err)
	}
	return fs
}

// step is a build step: a shell script on busybox, after the steps before it.
func step(scripts ...string) llb.State {
	st := llb.Scratch().File(llb.Copy(llb.Local("busybox"), "/", "/"))
	for _, s := range scripts {
		st = st.Run(llb.Args([]string{"/bin/sh", "-c", s})).Root()
	}
	return st
}

// result is what a solve did: the names of the steps that were not cached.
type result struct{ ran []string }

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
	return <-done, err
}
