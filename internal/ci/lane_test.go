package ci

import (
	"os"
	"path/filepath"
	"testing"
)

func TestLane(t *testing.T) {
	pull := func(repo string) string {
		return `{"pull_request": {"number": 7, "head": {"repo": ` + repo + `}}, "repository": {"default_branch": "trunk"}}`
	}
	github := func(event, ref string) map[string]string {
		return map[string]string{"GITHUB_ACTIONS": "true", "CI": "true", "GITHUB_REPOSITORY": "team/app",
			"GITHUB_EVENT_NAME": event, "GITHUB_REF_NAME": ref}
	}
	tests := []struct {
		name  string
		env   map[string]string
		event string
		want  Lane
	}{
		{"nothing known", nil, "", Lane{}},
		{"push", github("push", "trunk"), `{"repository": {"default_branch": "trunk"}}`,
			Lane{Name: "trunk", Main: "trunk", CI: true}},
		{"pull request", github("pull_request", "7/merge"), pull(`{"full_name": "team/app"}`),
			Lane{Name: "pr-7", Main: "trunk", CI: true}},
		{"pull request of a fork", github("pull_request", "7/merge"), pull(`{"full_name": "eve/app"}`),
			Lane{Name: "pr-7", Main: "trunk", CI: true, Fork: true}},
		{"pull request of a fork that is gone", github("pull_request", "7/merge"), pull(`null`),
			Lane{Name: "pr-7", Main: "trunk", CI: true, Fork: true}},
		{"a fork's code on the main branch", github("pull_request_target", "trunk"), pull(`{"full_name": "eve/app"}`),
			Lane{Name: "pr-7", Main: "trunk", CI: true, Fork: true}},
		{"an event that cannot be read", github("pull_request_target", "trunk"), `{`,
			Lane{Name: "pull_request_target", CI: true, Fork: true}},
		{"workflow after a fork's", github("workflow_run", "trunk"),
			`{"workflow_run": {"head_branch": "trunk", "head_repository": {"full_name": "eve/app"}}, "repository": {"default_branch": "trunk"}}`,
			Lane{Name: "trunk", Main: "trunk", CI: true, Fork: true}},
		{"GitLab branch", map[string]string{"GITLAB_CI": "true", "CI_DEFAULT_BRANCH": "main", "CI_COMMIT_BRANCH": "x"}, "",
			Lane{Name: "x", Main: "main", CI: true}},
		{"GitLab merge request", map[string]string{"GITLAB_CI": "true", "CI_DEFAULT_BRANCH": "main", "CI_MERGE_REQUEST_IID": "3",
			"CI_MERGE_REQUEST_PROJECT_ID": "1", "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "1"}, "",
			Lane{Name: "mr-3", Main: "main", CI: true}},
		{"GitLab fork", map[string]string{"GITLAB_CI": "true", "CI_DEFAULT_BRANCH": "main", "CI_MERGE_REQUEST_IID": "3",
			"CI_MERGE_REQUEST_PROJECT_ID": "1", "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "2"}, "",
			Lane{Name: "mr-3", Main: "main", CI: true, Fork: true}},
		{"any other service", map[string]string{"CI": "1", "ORCH_CACHE_LANE": "b", "ORCH_CACHE_MAIN": "m", "ORCH_CACHE_TRUSTED": "false"}, "",
			Lane{Name: "b", Main: "m", CI: true, Fork: true}},
		{"trust that nobody can read", map[string]string{"ORCH_CACHE_LANE": "b", "ORCH_CACHE_TRUSTED": "no"}, "", Lane{Name: "b", Fork: true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.event != "" {
				path := filepath.Join(t.TempDir(), "event.json")
				if err := os.WriteFile(path, []byte(tt.event), 0o600); err != nil {
					t.Fatal(err)
				}
				tt.env["GITHUB_EVENT_PATH"] = path
			}
			getenv := func(name string) string { return tt.env[name] }
			if got := LaneOf(getenv, func() string { return "" }, func() string { return "" }); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

// The main branch is asked for only where no variable says it.
func TestMainLane(t *testing.T) {
	nothing := func() string { return "" }
	found := func() string { return "trunk" }
	for _, tt := range []struct {
		env  map[string]string
		want string
	}{
		{nil, "trunk"},
		{map[string]string{"ORCH_CACHE_MAIN": "m"}, "m"},
		{map[string]string{"GITLAB_CI": "true", "CI_DEFAULT_BRANCH": "main"}, "main"},
		{map[string]string{"CI": "true"}, "trunk"},
	} {
		if got := LaneOf(func(name string) string { return tt.env[name] }, nothing, found); got.Main != tt.want {
			t.Errorf("%v: %q, want %q", tt.env, got.Main, tt.want)
		}
	}
}
