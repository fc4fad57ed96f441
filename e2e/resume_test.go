//go:build linux

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote"
)

const resumeProject = `
variable "BUSYBOX" {}
variable "REGISTRY" {}
variable "NONCE" {}
group "default" { targets = ["quick", "slow", "after", "pushed"] }
target "_base" {
  contexts = { busybox = BUSYBOX }
  args     = { NONCE = NONCE }
}
target "quick" {
  inherits = ["_base"]
  target   = "quick"
  output   = ["type=oci,dest=quick.tar"]
}
target "slow" {
  inherits = ["_base"]
  target   = "slow"
  secret   = ["id=wait,env=WAIT"]
  output   = ["type=oci,dest=slow.tar"]
}
target "after" {
  inherits = ["_base"]
  contexts = { slow = "target:slow" }
  target   = "after"
  output   = ["type=oci,dest=after.tar"]
}
target "pushed" {
  inherits = ["_base"]
  target   = "quick"
  args     = { WHO = "pushed" }
  tags     = ["${REGISTRY}/resume/${NONCE}:v1"]
  output   = ["type=registry"]
}
`

const resumeDockerfile = `FROM busybox AS quick
ARG NONCE
ARG WHO
RUN echo quick $WHO $NONCE >/f
FROM busybox AS slow
ARG NONCE
RUN --mount=type=secret,id=wait sleep $(cat /run/secrets/wait); echo slow $NONCE >/f
FROM busybox AS after
COPY --from=slow /f /
`

// TestResumeAfterKill kills orch in the middle of a run: going on builds what
// was not done, and leaves out what was, and the tags of both are published.
func TestResumeAfterKill(t *testing.T) {
	t.Parallel()
	builderSocket(t, shared.state)
	dir := project(t, map[string]string{"build.hcl": resumeProject, "Dockerfile": resumeDockerfile})
	nonce := fmt.Sprintf("r%d", os.Getpid())
	args := func(more ...string) []string {
		return append([]string{"bake", "--progress", "plain", "--publish=together", "--var", "NONCE=" + nonce, "--var", "REGISTRY=" + shared.registry}, more...)
	}
	// A secret is no part of a definition: the slow step takes longer than all else, and
	// no time once that has been seen.
	waiting := func(seconds string, more ...string) *exec.Cmd {
		cmd := runOrch(dir, args(more...)...)
		cmd.Env = append(cmd.Env, "WAIT="+seconds)
		return cmd
	}
	cmd := waiting("600")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	// The record says what is done while the slow step still runs.
	for end := time.Now().Add(20 * time.Minute); recordedDone(t, dir) < 2; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the record says of %d targets that they are done, want 2", recordedDone(t, dir))
		}
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	tag := direct(t, "resume/"+nonce+":v1")
	if _, err := remote.Head(tag); err == nil {
		t.Error("the tag is there before the run is good")
	}
	out, err := waiting("0", "--resume").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"2 targets to build, 2 done already", "1 tag published"} {
		if !bytes.Contains(out, []byte(want)) {
			t.Errorf("nothing says %q:\n%s", want, out)
		}
	}
	if bytes.Contains(out, []byte("quick 1/")) {
		t.Errorf("what was done is built again:\n%s", out)
	}
	if _, err := remote.Head(tag); err != nil {
		t.Errorf("the tag of what was done before is not published: %v", err)
	}
	noLeftovers(t, dir)

	// Nothing is left, then a changed definition is.
	out, err = waiting("0", "--resume").CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("0 targets to build, 4 done already")) {
		t.Errorf("nothing was left: %v\n%s", err, out)
	}
	if err := os.WriteFile(dir+"/Dockerfile", []byte(strings.Replace(resumeDockerfile, "echo slow", "echo other", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err = waiting("0", "--resume").CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("Built again, because the definition has changed since: ")) || !bytes.Contains(out, []byte("2 targets to build, 2 done already")) {
		t.Errorf("the definitions of slow and after have changed: %v\n%s", err, out)
	}
}

const testedProject = `
variable "BUSYBOX" {}
variable "NONCE" {}
variable "GOOD" { default = "false" }
group "default" { targets = ["app", "tools"] }
target "_base" {
  contexts = { busybox = BUSYBOX }
  args     = { NONCE = NONCE }
  output   = ["type=cacheonly"]
}
target "app" {
  inherits = ["_base"]
  target   = "app"
}
target "tools" {
  inherits = ["_base"]
  target   = "tools"
}
test "works" {
  target = "app"
  run    = ["/bin/sh", "-c", "test ${GOOD} = true"]
}
`

// The targets read different parts of the context, in all the ways there are.
const testedDockerfile = `FROM scratch AS base
COPY --from=busybox / /
FROM base AS app
ARG NONCE
COPY a.txt /
RUN echo $NONCE copied
RUN --mount=type=bind,source=src,target=/src echo $NONCE mounted; ls /src >/list
RUN --mount=type=bind,source=src/deep,target=/deep,rw echo $NONCE writable; ls /deep >/list
COPY --link src/* /linked/
RUN echo $NONCE linked
FROM base AS tools
ARG NONCE
COPY b.txt src/deep /b/
RUN --mount=type=bind,target=/all echo $NONCE; ls /all >/list
`

// TestResumeKeepsCache goes on after a test has failed: another set of targets
// reads another part of the context, and no step runs again for it.
func TestResumeKeepsCache(t *testing.T) {
	t.Parallel()
	builderSocket(t, shared.state)
	dir := project(t, map[string]string{
		"build.hcl": testedProject, "Dockerfile": testedDockerfile,
		"a.txt": "a", "b.txt": "b", "src/x": "x", "src/deep/y": "y",
	})
	bake := func(more ...string) (string, error) {
		args := append([]string{"bake", "--progress", "plain", "--keep-going", "--var", fmt.Sprintf("NONCE=k%d", os.Getpid())}, more...)
		out, err := runOrch(dir, args...).CombinedOutput()
		return string(out), err
	}
	if out, err := bake(); err == nil || !strings.Contains(out, "1 target failed, 1 done") {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, more := range [][]string{{"--resume", "--var", "GOOD=true"}, {"--var", "GOOD=true"}, {"tools"}} {
		out, err := bake(more...)
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if n := strings.Count(out, " RUN "); n == 0 || n != len(cachedRun.FindAllString(out, -1)) {
			t.Errorf("%v: a step ran again:\n%s", more, out)
		}
		endsInOrder(t, out)
	}
}

// cachedRun matches a RUN step of which the builder has the result, and
// stepLine what plain mode shows first of a step, with its targets.
var (
	cachedRun = regexp.MustCompile(`(?m)^#\d+ .* RUN .*\n#\d+ CACHED$`)
	stepLine  = regexp.MustCompile(`(?m)^#\d+ \[([a-z0-9+-]+): .*$`)
)

// endsInOrder fails if plain mode shows a step of a target after the line that
// says that the target is done.
func endsInOrder(t *testing.T, out string) {
	t.Helper()
	for _, at := range stepLine.FindAllStringSubmatchIndex(out, -1) {
		for _, target := range strings.Split(out[at[2]:at[3]], "+") {
			if end := strings.Index(out, "\n"+target+" done in"); end >= 0 && end < at[0] {
				t.Errorf("%s is done before its step %q:\n%s", target, out[at[0]:at[1]], out)
			}
		}
	}
}

// recordedDone counts the targets that are done by the record of the last run
// in a folder.
func recordedDone(t *testing.T, dir string) int {
	t.Helper()
	records, err := filepath.Glob(filepath.Join(shared.state, "runs", filepath.Base(dir)+"-*", "*", "result.json"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, path := range records {
		data, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		var record struct {
			Project string `json:"project"`
			Targets []struct {
				State string `json:"state"`
			} `json:"targets"`
		}
		if err := json.Unmarshal(data, &record); err != nil || record.Project != dir {
			continue
		}
		n = 0
		for _, target := range record.Targets {
			if target.State == "done" {
				n++
			}
		}
	}
	return n
}
