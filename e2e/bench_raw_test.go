//go:build linux

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"
	"github.com/tonistiigi/fsutil"
)

// The limit that the figures are compared with: the load as one definition,
// written with BuildKit's own library and solved by one request. It is a
// process of its own, as the others are: the test binary under another name.
const (
	rawName = "bare"
	rawEnv  = "ORCH_BENCH_RAW" // the number of targets
	rawBusy = "ORCH_BENCH_RAW_BUSYBOX"
)

// rawRunner solves the load in the current folder.
func rawRunner(l *load) runner {
	return runner{name: rawName, args: []string{os.Args[0]}, env: []string{rawEnv + "=" + strconv.Itoa(l.n), rawBusy + "=" + shared.busybox}}
}

// solveRaw is what that process does.
func solveRaw() error {
	n, err := strconv.Atoi(os.Getenv(rawEnv))
	if err != nil {
		return err
	}
	ctx := context.Background()
	c, err := client.New(ctx, "unix://"+filepath.Join(os.Getenv("ORCH_STATE_DIR"), "builder.sock"))
	if err != nil {
		return err
	}
	defer c.Close()
	def, err := rawUnion(n).Marshal(ctx, llb.LinuxAmd64)
	if err != nil {
		return err
	}
	opt := client.SolveOpt{LocalMounts: map[string]fsutil.FS{}, Internal: true}
	for name, dir := range map[string]string{"context": ".", "busybox": os.Getenv(rawBusy)} {
		if opt.LocalMounts[name], err = fsutil.NewFS(dir); err != nil {
			return err
		}
	}
	cache := client.CacheOptionsEntry{Type: "registry", Attrs: map[string]string{"ref": os.Getenv("REGISTRY") + "/cache/raw", "mode": "max"}}
	if os.Getenv("READ") == "true" {
		opt.CacheImports = append(opt.CacheImports, cache)
	}
	if os.Getenv("WRITE") == "true" {
		opt.CacheExports = append(opt.CacheExports, cache)
	}
	status := make(chan *client.SolveStatus)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for s := range status {
			for _, l := range s.Logs {
				fmt.Printf(" %s", l.Data)
			}
		}
	}()
	_, err = c.Solve(ctx, def, opt, status)
	<-done
	return err
}

// rawUnion is what the Dockerfile of the load says, step by step, for all
// targets at once. The results are merged, which writes nothing.
func rawUnion(n int) llb.State {
	busybox := llb.Local("busybox", llb.SharedKeyHint("busybox"))
	files := llb.Local("context", llb.SharedKeyHint("context"))
	everything := &llb.CopyInfo{CopyDirContentsOnly: true, CreateDestPath: true, FollowSymlinks: true}
	shell := func(script string) llb.RunOption { return llb.Args([]string{"/bin/sh", "-c", script}) }
	base := llb.Scratch().
		File(llb.Copy(busybox, "/", "/", everything)).
		File(llb.Copy(files, "/base.txt", "/", everything)).
		Run(shell("sleep 1; echo ran-$((40+2)); cat /base.txt > /base")).Root()
	results := make([]llb.State, n)
	for i := range n {
		build := base.
			File(llb.Copy(files, fmt.Sprintf("/svc-%d", i), "/svc", everything)).
			Run(shell("echo ran-$((40+2)); cat /base /svc/* > /out")).Root()
		results[i] = llb.Scratch().File(llb.Copy(build, "/out", "/out", everything))
	}
	return llb.Merge(results)
}
