package ci

import "testing"

// TestLanesOfSystems has for each system the main branch, another branch, a release
// tag, a pull request of the repository and one of a fork, by the variables that it
// sets.
func TestLanesOfSystems(t *testing.T) {
	type vars map[string]string
	systems := map[string]vars{
		"Jenkins":   {"JENKINS_URL": "https://ci.example.com/", "CI": "true"},
		"Buildkite": {"BUILDKITE": "true", "CI": "true", "BUILDKITE_PIPELINE_DEFAULT_BRANCH": "trunk", "BUILDKITE_REPO": "git@github.com:Team/app.git"},
		"Azure":     {"TF_BUILD": "True"},
		"CircleCI":  {"CIRCLECI": "true", "CI": "true"},
	}
	for _, tt := range []struct {
		system, name string
		env          vars
		want         Lane
	}{
		{"Jenkins", "main branch", vars{"BRANCH_NAME": "trunk", "BRANCH_IS_PRIMARY": "true"}, Lane{Name: "trunk", Main: "trunk"}},
		{"Jenkins", "branch", vars{"BRANCH_NAME": "x"}, Lane{Name: "x", Main: "found"}},
		{"Jenkins", "tag", vars{"BRANCH_NAME": "v1", "TAG_NAME": "v1"}, Lane{Name: "tag-v1", Main: "found"}},
		{"Jenkins", "pull request", vars{"BRANCH_NAME": "PR-7", "CHANGE_ID": "7", "CHANGE_TARGET": "trunk"}, Lane{Name: "pr-7", Main: "found"}},
		{"Jenkins", "fork", vars{"BRANCH_NAME": "PR-7", "CHANGE_ID": "7", "CHANGE_FORK": "eve"}, Lane{Name: "pr-7", Main: "found", Fork: true}},
		{"Jenkins", "no multibranch", nil, Lane{Name: "checked out", Main: "found"}},

		{"Buildkite", "main branch", vars{"BUILDKITE_BRANCH": "trunk", "BUILDKITE_PULL_REQUEST": "false"}, Lane{Name: "trunk", Main: "trunk"}},
		{"Buildkite", "branch", vars{"BUILDKITE_BRANCH": "x", "BUILDKITE_PULL_REQUEST": "false"}, Lane{Name: "x", Main: "trunk"}},
		{"Buildkite", "tag", vars{"BUILDKITE_BRANCH": "v1", "BUILDKITE_TAG": "v1", "BUILDKITE_PULL_REQUEST": "false"}, Lane{Name: "tag-v1", Main: "trunk"}},
		{"Buildkite", "pull request", vars{"BUILDKITE_BRANCH": "x", "BUILDKITE_PULL_REQUEST": "7", "BUILDKITE_PULL_REQUEST_REPO": "https://github.com/team/app.git"}, Lane{Name: "pr-7", Main: "trunk"}},
		{"Buildkite", "fork", vars{"BUILDKITE_BRANCH": "eve:trunk", "BUILDKITE_PULL_REQUEST": "7", "BUILDKITE_PULL_REQUEST_REPO": "https://github.com/eve/app.git"}, Lane{Name: "pr-7", Main: "trunk", Fork: true}},
		{"Buildkite", "unknown repository", vars{"BUILDKITE_BRANCH": "trunk", "BUILDKITE_PULL_REQUEST": "7"}, Lane{Name: "pr-7", Main: "trunk", Fork: true}},

		{"Azure", "main branch", vars{"BUILD_SOURCEBRANCH": "refs/heads/found"}, Lane{Name: "found", Main: "found"}},
		{"Azure", "branch", vars{"BUILD_SOURCEBRANCH": "refs/heads/team/x"}, Lane{Name: "team/x", Main: "found"}},
		{"Azure", "tag", vars{"BUILD_SOURCEBRANCH": "refs/tags/v1"}, Lane{Name: "tag-v1", Main: "found"}},
		{"Azure", "pull request", vars{"BUILD_SOURCEBRANCH": "refs/pull/7/merge", "SYSTEM_PULLREQUEST_PULLREQUESTID": "7", "SYSTEM_PULLREQUEST_ISFORK": "False"}, Lane{Name: "pr-7", Main: "found"}},
		{"Azure", "pull request of GitHub", vars{"BUILD_SOURCEBRANCH": "refs/pull/7/merge", "SYSTEM_PULLREQUEST_PULLREQUESTID": "99887", "SYSTEM_PULLREQUEST_PULLREQUESTNUMBER": "7", "SYSTEM_PULLREQUEST_ISFORK": "False"}, Lane{Name: "pr-7", Main: "found"}},
		{"Azure", "fork", vars{"BUILD_SOURCEBRANCH": "refs/pull/7/merge", "SYSTEM_PULLREQUEST_PULLREQUESTID": "7", "SYSTEM_PULLREQUEST_ISFORK": "True"}, Lane{Name: "pr-7", Main: "found", Fork: true}},
		{"Azure", "not said", vars{"BUILD_SOURCEBRANCH": "refs/pull/7/merge"}, Lane{Name: "pr-7", Main: "found", Fork: true}},

		{"CircleCI", "main branch", vars{"CIRCLE_BRANCH": "found"}, Lane{Name: "found", Main: "found"}},
		{"CircleCI", "branch", vars{"CIRCLE_BRANCH": "x"}, Lane{Name: "x", Main: "found"}},
		{"CircleCI", "tag", vars{"CIRCLE_TAG": "v1"}, Lane{Name: "tag-v1", Main: "found"}},
		{"CircleCI", "pull request", vars{"CIRCLE_BRANCH": "x", "CIRCLE_PULL_REQUEST": "https://github.com/team/app/pull/7"}, Lane{Name: "pr-7", Main: "found"}},
		{"CircleCI", "fork", vars{"CIRCLE_BRANCH": "pull/7", "CIRCLE_PULL_REQUEST": "https://github.com/team/app/pull/7", "CIRCLE_PR_NUMBER": "7", "CIRCLE_PR_USERNAME": "eve", "CIRCLE_PR_REPONAME": "app"}, Lane{Name: "pr-7", Main: "found", Fork: true}},
		{"CircleCI", "fork by its branch", vars{"CIRCLE_BRANCH": "pull/7/head"}, Lane{Name: "pr-7", Main: "found", Fork: true}},
	} {
		t.Run(tt.system+" "+tt.name, func(t *testing.T) {
			getenv := func(name string) string {
				if v, ok := tt.env[name]; ok {
					return v
				}
				return systems[tt.system][name]
			}
			tt.want.CI = true
			if got := LaneOf(getenv, func() string { return "checked out" }, func() string { return "found" }); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestRepository(t *testing.T) {
	for url, want := range map[string]string{
		"git@github.com:Team/app.git":             "github.com/team/app",
		"https://github.com/team/app":             "github.com/team/app",
		"https://x:token@github.com/team/app.git": "github.com/team/app",
		"ssh://git@github.com/team/app.git/":      "github.com/team/app",
		"git://github.com/eve/app":                "github.com/eve/app",
		"":                                        "",
	} {
		if got := repository(url); got != want {
			t.Errorf("%q is %q, want %q", url, got, want)
		}
	}
}
