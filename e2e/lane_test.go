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
)

const laneProject = `
variable "BUSYBOX" {}
variable "TYPE" {}
variable "REF" {}
variable "COMMIT" {}
variable "SECONDS" {}
cache {
  type = TYPE
  ref  = REF
}
group "default" { targets = ["client", "server"] }
target "client" {
  contexts = { busybox = BUSYBOX }
  args     = { COMMIT = COMMIT, SECONDS = SECONDS }
  target   = "client"
}
target "server" {
  inherits = ["client"]
  target   = "server"
}
`

const laneDockerfile = `FROM scratch AS base
COPY --from=busybox / /
ARG SECONDS
ARG COMMIT
RUN sleep $SECONDS; echo ran-$((1+1)) base $COMMIT; echo $COMMIT >/base
FROM base AS client
RUN echo ran-$((1+1)) client $COMMIT; echo client >/client
FROM base AS server
RUN echo ran-$((1+1)) server $COMMIT; echo server >/server
`

// lane is a cache that several runs write.
type laneTest struct {
	t         *testing.T
	dir       string
	kind, ref string
	env       []string
}

// bake builds one commit on a builder.
func (l *laneTest) bake(state, commit string, seconds float64, more ...string) *exec.Cmd {
	args := []string{
		"bake", "--progress", "plain", "--cache-lane", "main",
		"--var", "TYPE=" + l.kind, "--var", "REF=" + l.ref, "--var", "COMMIT=" + commit, "--var", fmt.Sprintf("SECONDS=%g", seconds),
	}
	cmd := runOn(state, l.dir, append(args, more...)...)
	cmd.Env = append(cmd.Env, l.env...)
	return cmd
}

// state is a folder for a builder that has nothing yet.
func (l *laneTest) state() string {
	l.t.Helper()
	state, err := os.MkdirTemp("/tmp", "orch-lane-")
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() {
		_ = runOn(state, l.dir, "builder", "stop", "--now").Run()
		os.RemoveAll(state)
	})
	return state
}

// atOnce starts runs at the same time.
func (l *laneTest) atOnce(runs ...*exec.Cmd) {
	l.t.Helper()
	out := make([]bytes.Buffer, len(runs))
	for i, cmd := range runs {
		cmd.Stdout, cmd.Stderr = &out[i], &out[i]
		if err := cmd.Start(); err != nil {
			l.t.Fatal(err)
		}
	}
	for i, cmd := range runs {
		if err := cmd.Wait(); err != nil || strings.Contains(out[i].String(), "Warning") {
			l.t.Fatalf("%v\n%s", err, out[i].String())
		}
	}
}

// commit is a commit by its name, and how long its first step takes.
type commit struct {
	name    string
	seconds float64
}

// cached wants an empty builder to find every step of some commits in the cache. No two
// have a step in common.
func (l *laneTest) cached(commits ...commit) {
	l.t.Helper()
	state := l.state()
	for _, c := range commits {
		out, err := l.bake(state, c.name, c.seconds, "--set", "*.cache.when=never").CombinedOutput()
		if err != nil || bytes.Contains(out, []byte("ran-2")) {
			l.t.Errorf("what the run of %s has written is lost: %v\n%s", c.name, err, out)
		}
	}
}

// TestTwoRunsOneLane lets two runs with different content write one lane. Both
// find all of theirs there.
func TestTwoRunsOneLane(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"registry", "local", "gha"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			dir := project(t, map[string]string{"build.hcl": laneProject, "Dockerfile": laneDockerfile})
			l := &laneTest{t: t, dir: dir, kind: kind, ref: fmt.Sprintf("%s/lane%d/cache", shared.registry, os.Getpid())}
			switch kind {
			case "local":
				l.ref = filepath.Join(dir, "cache")
			case "gha":
				server := newActionsCache()
				defer server.Close()
				l.ref = "cache"
				l.env = []string{"ACTIONS_RUNTIME_TOKEN=" + server.token(), "ACTIONS_RESULTS_URL=" + server.URL + "/", "ACTIONS_CACHE_SERVICE_V2=true"}
			}
			// On two machines, of which the second writes while the first runs.
			l.atOnce(l.bake(l.state(), "slow", 2), l.bake(l.state(), "quick", 0.1))
			l.cached(commit{"slow", 2}, commit{"quick", 0.1})
			// On two machines, at the same moment.
			l.atOnce(l.bake(l.state(), "here", 1), l.bake(l.state(), "there", 1))
			l.cached(commit{"here", 1}, commit{"there", 1})
			// On one machine, at the same moment.
			state := l.state()
			l.atOnce(l.bake(state, "this", 1), l.bake(state, "that", 1), l.bake(state, "other", 1))
			l.cached(commit{"this", 1}, commit{"that", 1}, commit{"other", 1})
		})
	}
}
