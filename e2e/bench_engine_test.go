//go:build linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orch-build/orch/internal/need"
)

// BenchmarkEngine builds 40 targets whose images are in a Docker Engine already,
// with the BuildKit of that engine: orch and bake in turn, when nothing has
// changed. Each has tags of its own, as one would otherwise find the images of the other
// under them, which are not its own where they are attested; "taken" is orch with the
// tags of bake, which has to give all of them back to its own images.
func BenchmarkEngine(b *testing.B) {
	e := startedEngine(func(what string) { need.Missing(b, what) }, func(err error) { b.Fatal(err) })
	b.Setenv("DOCKER_HOST", "unix://"+e.socket)
	b.Setenv("DOCKER_CONFIG", b.TempDir())
	const n = 40
	l := newLoad(b, n)
	for _, name := range []string{"orch", "buildx"} {
		l.write(b, name+".hcl", fmt.Sprintf(`group "default" { targets = ["svc"] }
target "svc" {
  matrix   = { i = range(0, %d) }
  name     = "svc-${i}"
  target   = "svc-${i}"
  tags     = ["eco/%s-${i}:load"]
}
`, n, name))
	}
	// The BuildKit of older engines has no named contexts for bake.
	file, err := os.ReadFile(filepath.Join(l.dir, "Dockerfile"))
	if err != nil {
		b.Fatal(err)
	}
	l.write(b, "Dockerfile", strings.Replace(string(file), "COPY --from=busybox . /", "COPY bb /", 1))
	if out, err := exec.Command("cp", "-a", shared.busybox, filepath.Join(l.dir, "bb")).CombinedOutput(); err != nil {
		b.Fatalf("copying busybox: %v\n%s", err, out)
	}
	bake := func(name, path, file string) contender {
		return process(name, l.dir, path, "bake", "--progress", "plain", "--builder", "default", "-f", file+".hcl")
	}
	ours, theirs := bake("orch", orch(), "orch"), bake("buildx", peer(b, buildxEnv), "buildx")
	ours.run(b)
	theirs.run(b)
	compare(b, ours, theirs, bake("taken", orch(), "buildx"))
}
