//go:build linux

package e2e

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	controlapi "github.com/moby/buildkit/api/services/control"
	"github.com/moby/buildkit/client"
)

// testBuildx uses builders of buildx's driver for Kubernetes, as buildx writes them,
// and has bake build the same beside it.
func (c *cluster) testBuildx() {
	buildx := os.Getenv(buildxEnv)
	if buildx == "" {
		c.Skipf("%s is not set: run scripts/compat.sh", buildxEnv)
	}
	for _, balance := range []string{"sticky", "random"} {
		name := balance + "0"
		c.must(c.command(buildx, "create", "--driver", "kubernetes", "--name", balance, "--node", name,
			"--driver-opt", "namespace=build,replicas=3,loadbalance="+balance))
		var pods []string
		for _, n := range []string{"-a", "-b", "-c"} {
			pods = append(pods, name+n)
			c.daemon(name + n)
			c.pod(name+n, name)
		}
		got := c.bake(c.many("ours-"+balance, 0), "--builder", balance).built()
		ours := c.records(pods)
		c.Logf("orch on %s: targets %v, records %v", balance, got, ours)
		if balance == "random" && (got[pods[0]] != 8 || got[pods[1]] != 8 || got[pods[2]] != 8) {
			c.Errorf("24 targets are built on %v", got)
		}
		c.theirs(buildx, balance, name)
		after := c.records(pods)
		for i := range after {
			after[i] -= ours[i]
		}
		c.Logf("bake on %s: records %v", balance, after)
	}
}

// theirs has bake build, whose driver waits for a Deployment that it makes.
func (c *cluster) theirs(buildx, builder, deployment string) {
	run := &background{t: c.T}
	run.cmd = c.command(buildx, "bake", "--builder", builder, "--progress=plain", "-f", "build.hcl", "--allow=fs.read="+shared.busybox)
	run.cmd.Dir, run.cmd.Stdout, run.cmd.Stderr = c.many("theirs-"+builder, 0), run, run
	c.check(run.cmd.Start())
	for range 600 {
		if c.command("kubectl", "get", "deployment", deployment, "--namespace", "build").Run() == nil {
			c.kubectl("patch", "deployment", deployment, "--namespace", "build", "--subresource=status", "--type=merge", "-p",
				`{"status":{"observedGeneration":1,"replicas":3,"readyReplicas":3,"availableReplicas":3,"updatedReplicas":3}}`)
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if err := run.cmd.Wait(); err != nil {
		c.Logf("bake: %v\n%s", err, lastLines(run.String(), 20))
	}
}

func lastLines(text string, n int) string {
	lines := strings.Split(text, "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// records counts what the daemons of pods remember of builds.
func (c *cluster) records(pods []string) []int {
	c.Helper()
	var out []int
	for _, pod := range pods {
		conn, err := client.New(c.Context(), "unix://"+filepath.ToSlash(c.socket(pod)))
		c.check(err)
		stream, err := conn.ControlClient().ListenBuildHistory(c.Context(), &controlapi.BuildHistoryRequest{EarlyExit: true})
		c.check(err)
		n := 0
		for {
			if _, err = stream.Recv(); err != nil {
				break
			}
			n++
		}
		if !errors.Is(err, io.EOF) {
			c.Errorf("%s: %v", pod, err)
		}
		conn.Close()
		out = append(out, n)
	}
	return out
}
