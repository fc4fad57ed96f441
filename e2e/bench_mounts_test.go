//go:build linux

package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// goProject is examples/monorepo-go as one of the contenders builds it, on machines
// that begin empty.
type goProject struct {
	name, dir string
	env       []string
	// begin brings an empty machine up to where the run begins; args are the run.
	begin func(b *testing.B, state string)
	args  func(state string) []string
}

// BenchmarkMounts builds ten services in Go, of which one source file has changed,
// on a machine that begins empty: orch with the cache mounts of the run before, bake
// with the layers of the run before. Both read their cache, push the images and
// write the cache.
func BenchmarkMounts(b *testing.B) {
	home := fmt.Sprintf("%s/monorepo%d", shared.registry, os.Getpid())
	ours, theirs := goProjects(b, home, peer(b, buildxEnv))
	process("toolchain", ours.dir, orch(), "bake", "toolchain", "--push", "--set", "toolchain.tags="+home+"/go:latest").run(b)
	ours.build(b)
	theirs.build(b)
	var with, without []time.Duration
	b.ResetTimer()
	for range b.N {
		for _, p := range []*goProject{ours, theirs} {
			p.change(b)
		}
		with = append(with, ours.build(b))
		without = append(without, theirs.build(b))
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(median(with))/1e6, "orch-ms")
	b.ReportMetric(float64(median(without))/1e6, "bake-ms")
	b.ReportMetric(float64(median(with))/float64(median(without)), "of-bake")
}

func goProjects(b *testing.B, home, buildx string) (ours, theirs *goProject) {
	env := append(os.Environ(), "CI=true", "ORCH_CACHE_LANE=main", "REGISTRY="+home, "GO_IMAGE="+home+"/go:latest")
	ours = &goProject{name: "orch", dir: goExample(b), env: env}
	program := orch()
	ours.args = func(string) []string { return []string{program, "bake", "--push", "--progress", "plain"} }
	ours.begin = func(*testing.B, string) {}
	theirs = &goProject{name: peerName, dir: goExample(b), env: append(env, "BUILDX_CONFIG="+filepath.Join(b.TempDir(), "buildx"))}
	if err := os.WriteFile(filepath.Join(theirs.dir, "docker-bake.hcl"), []byte(goBakeFile), 0o644); err != nil {
		b.Fatal(err)
	}
	theirs.args = func(state string) []string {
		return []string{buildx, "--builder", filepath.Base(state), "bake", "-f", "docker-bake.hcl", "--push", "--progress", "plain"}
	}
	theirs.begin = func(b *testing.B, state string) {
		theirs.run(b, state, []string{orch(), "builder", "start"})
		theirs.run(b, state, []string{buildx, "create", "--name", filepath.Base(state), "--driver", "remote", "unix://" + filepath.Join(state, "builder.sock")})
	}
	return ours, theirs
}

// goBakeFile says the same as the example's build.hcl, with a cache for each target,
// as bake's manual advises.
const goBakeFile = `variable "REGISTRY" {}
variable "GO_IMAGE" {}
group "default" { targets = ["service"] }
target "service" {
  name       = service
  matrix     = { service = ["api", "auth", "billing", "cart", "catalog", "images", "mail", "orders", "reports", "search"] }
  target     = "service"
  args       = { SERVICE = service }
  contexts   = { toolchain = "docker-image://${GO_IMAGE}", goroot = "docker-image://${GO_IMAGE}" }
  tags       = ["${REGISTRY}/theirs/${service}:latest"]
  cache-from = ["type=registry,ref=${REGISTRY}/theirs/cache:${service}"]
  cache-to   = ["type=registry,ref=${REGISTRY}/theirs/cache:${service},mode=max"]
}
`

// goExample is a copy of the example.
func goExample(b *testing.B) string {
	dir := b.TempDir()
	if out, err := exec.Command("cp", "-r", "../examples/monorepo-go/.", dir).CombinedOutput(); err != nil {
		b.Fatalf("copying the example: %v\n%s", err, out)
	}
	return dir
}

// change changes one source file.
func (p *goProject) change(b *testing.B) {
	name := filepath.Join(p.dir, "services/orders/main.go")
	text, err := os.ReadFile(name)
	if err == nil {
		text = fmt.Appendf(text, "\nvar _ = %d // changed\n", time.Now().UnixNano())
		err = os.WriteFile(name, text, 0o644)
	}
	if err != nil {
		b.Fatal(err)
	}
}

// build is a run on a machine that begins empty, and how long it took.
func (p *goProject) build(b *testing.B) time.Duration {
	state, err := os.MkdirTemp("/tmp", "orch-ci-") // short, for the socket
	if err != nil {
		b.Fatal(err)
	}
	defer os.RemoveAll(state)
	defer stopBuilder(state)
	p.begin(b, state)
	start := time.Now()
	said := p.run(b, state, p.args(state))
	took := time.Since(start)
	b.Logf("%s: %v", p.name, took.Round(time.Millisecond))
	for line := range strings.SplitSeq(said, "\n") {
		if strings.HasPrefix(line, "Cache mounts:") || strings.Contains(line, "Warning") {
			b.Log(line)
		}
	}
	return took
}

func (p *goProject) run(b *testing.B, state string, args []string) string {
	b.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Env = p.dir, append(p.env, "ORCH_STATE_DIR="+state)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		b.Fatalf("%s: %v: %v\n%s", p.name, args, err, tail(said.String(), 4000))
	}
	return said.String()
}
