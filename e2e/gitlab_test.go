//go:build linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// gitlabEnv is the command gitlab-ci-local, which runs pipelines of GitLab in shells of
// this machine, and checks them by GitLab's schema.
const gitlabEnv = "ORCH_E2E_GITLAB"

// TestGitLab runs the pipeline that "orch ci init" writes, with its child pipeline, and
// the component of this repository.
func TestGitLab(t *testing.T) {
	tool := os.Getenv(gitlabEnv)
	if tool == "" {
		t.Skipf("%s is not set: run scripts/compat.sh", gitlabEnv)
	}
	component, err := os.ReadFile("../templates/orch.yml")
	checked{t}.Check(err)
	repo := fmt.Sprintf("gitlab-%d", os.Getpid())
	files := map[string]string{
		"build.hcl": `
variable "REGISTRY" { default = "registry.example.com" }
variable "TAG" { default = "v1" }
group "default" { targets = ["api", "web"] }
target "api" {
  dockerfile-inline = "FROM scratch\nCOPY who /api\n"
  tags = ["${REGISTRY}/api:${TAG}"]
}
target "web" {
  dockerfile-inline = "FROM scratch\nCOPY who /web\n"
  tags = ["${REGISTRY}/web:${TAG}"]
}
`, "who": "me", "templates/orch.yml": string(component), ".gitignore": ".gitlab-ci-local\n",
	}
	dir := project(t, files)
	run := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "REGISTRY="+shared.registry+"/"+repo, "PATH="+shared.bin+":"+os.Getenv("PATH"), "ORCH_STATE_DIR="+shared.state)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %v: %v\n%s", name, args, err, out)
		}
		return string(out)
	}
	commit := func(text string) {
		run("git", "add", "-A")
		run("git", "-c", "user.name=me", "-c", "user.email=me@example.com", "commit", "-qm", text)
	}
	pipeline := func(tag string) string {
		return run(tool, "--force-shell-executor", "--variable", "ORCH_IMAGE=none", "--variable", "TAG="+tag)
	}
	run("git", "init", "-q", "-b", "main", ".")
	run("git", "remote", "add", "origin", "https://gitlab.example.com/a/b.git")
	run(filepath.Join(shared.bin, "orch"), "ci", "init", "gitlab")
	commit("a pipeline")
	if out := pipeline("v1"); !strings.Contains(out, "json schema validated") {
		t.Errorf("no word of the schema:\n%s", out)
	}
	checked{t}.Check(os.WriteFile(filepath.Join(dir, ".gitlab-ci.yml"), []byte(
		"include:\n  - local: templates/orch.yml\n    inputs: { image: none, targets: api web, push: true }\n"), 0o644))
	commit("a component")
	pipeline("v2")
	for _, image := range []string{"api:v1", "web:v1", "api:v2", "web:v2"} {
		if digestOf(t, repo+"/"+image) == "" {
			t.Errorf("the pipeline has not pushed %s", image)
		}
	}
}
