//go:build linux

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// TestAskedOften asks the frontend again and again, several runs at once, about
// targets that share a base image and have several platforms: every answer is
// there, each time.
func TestAskedOften(t *testing.T) {
	t.Parallel()
	base := shared.registry + "/asked/base:1"
	dir := project(t, map[string]string{
		"build.hcl": fmt.Sprintf(`
variable "BUSYBOX" {}
group "default" { targets = ["a", "b", "many", "linked"] }
target "base" {
  contexts          = { busybox = BUSYBOX }
  dockerfile-inline = "FROM busybox"
  platforms         = ["linux/amd64", "linux/arm64"]
  tags              = [%q]
  output            = ["type=registry"]
}
target "a" { dockerfile = "a.Dockerfile" }
target "b" { dockerfile = "b.Dockerfile" }
target "many" {
  dockerfile = "arg.Dockerfile"
  platforms  = ["linux/amd64", "linux/arm64"]
}
target "linked" {
  contexts          = { up = "target:a" }
  dockerfile-inline = "FROM up\nRUN echo linked\n"
}
`, base),
		"a.Dockerfile":   "FROM " + base + "\nARG A=1\nRUN echo a\n",
		"b.Dockerfile":   "FROM " + base + "\nARG B=1\nRUN echo b\n",
		"arg.Dockerfile": "ARG BASE=" + base + "\nFROM $BASE\nARG C=1\nRUN echo $C\n",
	})
	if out, err := runOrch(dir, "bake", "--progress", "plain", "base").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	questions := []struct {
		args  []string
		want  string
		count int
	}{
		{[]string{"bake", "--check"}, "Check complete, no warnings found.", 4},
		{[]string{"bake", "--call", "outline"}, "BUILD ARG", 3},
		{[]string{"bake", "--call", "targets"}, "TARGET", 4},
		{[]string{"validate", "--lint"}, "", 0},
	}
	const atOnce = 4
	for range rounds(t, 2, 500/atOnce) {
		var wait sync.WaitGroup
		for _, q := range questions {
			for range atOnce {
				wait.Go(func() {
					out, err := runOrch(dir, q.args...).CombinedOutput()
					if err != nil || q.want != "" && strings.Count(string(out), q.want) != q.count {
						t.Errorf("orch %s: %v\n%s", strings.Join(q.args, " "), err, out)
					}
				})
			}
		}
		wait.Wait()
	}
}

// TestAskedUnderForeign asks about a target with a frontend that cannot be
// pulled, and with a linked one: the answer is about the frontend.
func TestAskedUnderForeign(t *testing.T) {
	t.Parallel()
	dir := project(t, map[string]string{
		"build.hcl": `
target "base" { dockerfile-inline = "FROM scratch\nENV A=1\n" }
target "default" {
  contexts   = { up = "target:base" }
  dockerfile = "app.Dockerfile"
}
`,
		"app.Dockerfile": "# syntax=" + shared.registry + "/asked/nothing:1\nFROM up\nRUN echo x\n",
	})
	cmd := runOrch(dir, "bake", "--check")
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	err := cmd.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(stdout.String(), "asked/nothing:1") {
		t.Errorf("%v\n%s", err, stdout.String())
	}
}
