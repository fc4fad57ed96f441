//go:build linux

package e2e

import (
	"fmt"
	"net/http"
	"os"
	"sync"
	"testing"
)

const unchangedProject = `
variable "BUSYBOX" {}
variable "REGISTRY" {}
variable "NAME" {}
cache {
  type = "registry"
  ref  = "${REGISTRY}/${NAME}/cache"
}
group "default" { targets = ["one", "two"] }
target "one" {
  contexts = { busybox = BUSYBOX }
  target   = "one"
  tags     = ["${REGISTRY}/${NAME}/one:v1"]
  output   = ["type=registry"]
}
target "two" {
  inherits = ["one"]
  target   = "two"
  tags     = ["${REGISTRY}/${NAME}/two:v1", "${REGISTRY}/${NAME}/two:latest"]
}
`

// A folder that an image begins with has no history, so that each build would
// write down one of its own; hence the copy.
const unchangedDockerfile = `FROM scratch AS base
COPY --from=busybox / /
RUN echo base >/base
FROM base AS one
RUN echo one >/one
FROM base AS two
RUN echo two >/two
`

// TestUnchangedUploadsNothing runs the same build again, on the same builder
// and on an empty one: no request changes anything in the registry.
func TestUnchangedUploadsNothing(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	dir := project(t, map[string]string{"build.hcl": unchangedProject, "Dockerfile": unchangedDockerfile})
	state, err := os.MkdirTemp("/tmp", "orch-e2e-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(state)
	defer func() { _ = runOn(state, dir, "builder", "stop", "--now").Run() }()
	run := func(state string) (changes []string) {
		t.Helper()
		var mu sync.Mutex
		g.set(func(_, _ int, r *http.Request) verdict {
			switch r.Method {
			case http.MethodPut, http.MethodPost, http.MethodPatch, http.MethodDelete:
				mu.Lock()
				changes = append(changes, r.Method+" "+r.URL.Path)
				mu.Unlock()
			}
			return pass
		})
		cmd := runOn(state, dir, "bake", "--progress", "plain", "--var", "REGISTRY="+g.host, "--var", fmt.Sprintf("NAME=unchanged%d", os.Getpid()))
		// Provenance says when a build ran, so that it is new each time.
		cmd.Env = append(cmd.Env, "BUILDX_NO_DEFAULT_ATTESTATIONS=1", "ORCH_CACHE_LANE=main")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return changes
	}
	if changes := run(shared.state); len(changes) < 5 {
		t.Fatalf("the first run uploaded only %v", changes)
	}
	for i := range 2 {
		if changes := run(shared.state); len(changes) > 0 {
			t.Errorf("run %d on the same builder: %v", i+2, changes)
		}
	}
	// The first time it writes down where the layers came from.
	run(state)
	if changes := run(state); len(changes) > 0 {
		t.Errorf("on a builder that was empty: %v", changes)
	}
}
