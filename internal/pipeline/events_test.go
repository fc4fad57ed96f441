package pipeline

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// planScript is the script of the job that makes the plan, as the system hands it to
// a shell.
func planScript(t *testing.T, system string, p Project) string {
	t.Helper()
	data, err := Write(system, p)
	if err != nil {
		t.Fatal(err)
	}
	if system == "jenkins" {
		_, rest, _ := strings.Cut(string(data), "sh '''")
		text, _, _ := strings.Cut(rest, "'''")
		return strings.NewReplacer(`\\`, `\`, `\'`, `'`).Replace(text)
	}
	var doc any
	if err := yaml.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	var found []string
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, one := range v {
				walk(one)
			}
		case []any:
			lines := []string{}
			for _, one := range v {
				if text, ok := one.(string); ok {
					lines = append(lines, text)
				} else {
					walk(one)
				}
			}
			walk(strings.Join(lines, "\n"))
		case string:
			if strings.Contains(v, "orch plan --shards") {
				found = append(found, v)
			}
		}
	}
	walk(doc)
	if len(found) != 1 {
		t.Fatalf("%s has %d scripts that make a plan", system, len(found))
	}
	if system == "buildkite" {
		return strings.ReplaceAll(found[0], "$$", "$")
	}
	return found[0]
}

// The main branch and release tags build and push everything. A pull request, a fork's
// too, and another branch build what they touch, and push nothing: for each system by
// the variables that it sets. GitHub's workflow is run by act in the end-to-end tests.
func TestEvents(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh")
	}
	const all = " --push"
	affected := func(branch string) string { return " --affected " + branch + " --affected-kind build" }
	type vars map[string]string
	for _, tt := range []struct {
		system, event string
		env           vars
		want          string // arguments behind those that all have
	}{
		{"gitlab", "main", vars{"CI_COMMIT_BRANCH": "trunk"}, all},
		{"gitlab", "tag", vars{"CI_COMMIT_TAG": "v1"}, all},
		{"gitlab", "merge request", vars{"CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "stable"}, affected("origin/stable")},
		{"gitlab", "fork", vars{"CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "trunk", "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "9"}, affected("origin/trunk")},

		{"jenkins", "main", vars{"BRANCH_NAME": "trunk", "BRANCH_IS_PRIMARY": "true"}, all},
		{"jenkins", "main without multibranch", vars{"GIT_BRANCH": "origin/trunk"}, all},
		{"jenkins", "tag", vars{"BRANCH_NAME": "v1", "TAG_NAME": "v1"}, all},
		{"jenkins", "pull request", vars{"BRANCH_NAME": "PR-7", "CHANGE_ID": "7", "CHANGE_TARGET": "stable"}, affected("origin/stable")},
		{"jenkins", "fork", vars{"BRANCH_NAME": "PR-7", "CHANGE_ID": "7", "CHANGE_TARGET": "trunk", "CHANGE_FORK": "eve"}, affected("origin/trunk")},
		{"jenkins", "branch", vars{"BRANCH_NAME": "x"}, affected("origin/trunk")},
		{"jenkins", "branch without multibranch", vars{"GIT_BRANCH": "origin/x"}, affected("origin/trunk")},

		{"buildkite", "main", vars{"BUILDKITE_BRANCH": "trunk", "BUILDKITE_PULL_REQUEST": "false"}, all},
		{"buildkite", "tag", vars{"BUILDKITE_BRANCH": "v1", "BUILDKITE_TAG": "v1", "BUILDKITE_PULL_REQUEST": "false"}, all},
		{"buildkite", "pull request", vars{"BUILDKITE_BRANCH": "x", "BUILDKITE_PULL_REQUEST": "7", "BUILDKITE_PULL_REQUEST_BASE_BRANCH": "stable"}, affected("origin/stable")},
		{"buildkite", "fork", vars{"BUILDKITE_BRANCH": "trunk", "BUILDKITE_PULL_REQUEST": "7", "BUILDKITE_PULL_REQUEST_BASE_BRANCH": "trunk", "BUILDKITE_PULL_REQUEST_REPO": "eve"}, affected("origin/trunk")},
		{"buildkite", "branch", vars{"BUILDKITE_BRANCH": "x", "BUILDKITE_PULL_REQUEST": "false"}, affected("origin/trunk")},

		{"azure", "main", vars{"BUILD_SOURCEBRANCH": "refs/heads/trunk"}, all},
		{"azure", "tag", vars{"BUILD_SOURCEBRANCH": "refs/tags/v1"}, all},
		{"azure", "pull request", vars{"BUILD_SOURCEBRANCH": "refs/pull/7/merge", "SYSTEM_PULLREQUEST_TARGETBRANCH": "refs/heads/stable"}, affected("origin/stable")},
		{"azure", "pull request of GitHub", vars{"BUILD_SOURCEBRANCH": "refs/pull/7/merge", "SYSTEM_PULLREQUEST_TARGETBRANCH": "stable"}, affected("origin/stable")},
		{"azure", "fork", vars{"BUILD_SOURCEBRANCH": "refs/pull/7/merge", "SYSTEM_PULLREQUEST_TARGETBRANCH": "trunk", "SYSTEM_PULLREQUEST_ISFORK": "True"}, affected("origin/trunk")},
		{"azure", "branch", vars{"BUILD_SOURCEBRANCH": "refs/heads/team/trunk"}, affected("origin/trunk")},

		{"circleci", "main", vars{"CIRCLE_BRANCH": "trunk"}, all},
		{"circleci", "tag", vars{"CIRCLE_TAG": "v1"}, all},
		{"circleci", "pull request", vars{"CIRCLE_BRANCH": "x", "CIRCLE_PULL_REQUEST": "https://github.com/team/app/pull/7"}, affected("origin/trunk")},
		{"circleci", "fork", vars{"CIRCLE_BRANCH": "pull/7", "CIRCLE_PR_USERNAME": "eve"}, affected("origin/trunk")},

		{"argo", "main", vars{"REVISION": "trunk"}, all},
		{"argo", "tag", vars{"REVISION": "v1", "FAKE_TAG": "v1"}, all},
		{"argo", "branch", vars{"REVISION": "x"}, affected("origin/trunk")},
	} {
		t.Run(tt.system+" "+tt.event, func(t *testing.T) {
			dir := t.TempDir()
			log := filepath.Join(dir, "log")
			for name, text := range map[string]string{
				"orch":            "echo \"$*\" >>" + log,
				"git":             `case "$1" in show-ref) test "refs/tags/$FAKE_TAG" = "$4" ;; esac`,
				"buildkite-agent": "",
			} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			script := planScript(t, tt.system, Project{Targets: []string{"api"}, Main: "trunk", Shards: 2, Ref: "main", Waves: true, Flags: `--var 'A=$x'`})
			cmd := exec.Command(sh, "-e", "-c", script)
			cmd.Dir, cmd.Env = dir, []string{"PATH=" + dir + ":/usr/bin:/bin"}
			for name, value := range tt.env {
				cmd.Env = append(cmd.Env, name+"="+value)
			}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s\n%s", err, out, script)
			}
			data, err := os.ReadFile(log)
			if err != nil {
				t.Fatal(err)
			}
			got := regexp.MustCompile(`^plan --shards (auto|2) --waves --var A=\$x(.*?) +-o shards.json`).FindStringSubmatch(string(data))
			if got == nil || strings.Join(strings.Fields(got[2]), " ") != strings.TrimSpace(tt.want) {
				t.Errorf("called with %q, want%s\n%s", data, tt.want, script)
			}
		})
	}
}
