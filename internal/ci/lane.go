package ci

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
)

// Lane says whose cache a run may write.
type Lane struct {
	Name string // the pull request or branch; "" if neither is known
	Main string // the main branch; "" if it is not known
	Fork bool   // the run is for code from outside the repository
	CI   bool
}

// LaneOf finds the lane of this run: from ORCH_CACHE_* variables, else from
// those of the CI service, else from the branch that is checked out; main finds
// the main branch where no variable says it. The
// variables of GitHub are those of
// https://docs.github.com/actions/reference/variables-reference,
// those of GitLab of https://docs.gitlab.com/ci/variables/predefined_variables; the
// functions of the others name theirs.
func LaneOf(getenv func(string) string, branch, main func() string) Lane {
	var l Lane
	switch {
	case getenv("GITHUB_ACTIONS") == "true":
		l = githubLane(getenv)
	case getenv("GITLAB_CI") != "":
		l = gitlabLane(getenv)
	case getenv("BUILDKITE") == "true":
		l = buildkiteLane(getenv)
	case strings.EqualFold(getenv("TF_BUILD"), "true"):
		l = azureLane(getenv)
	case getenv("CIRCLECI") == "true":
		l = circleLane(getenv)
	case getenv("JENKINS_URL") != "":
		l = jenkinsLane(getenv)
	}
	if ci, err := strconv.ParseBool(getenv("CI")); err == nil && ci {
		l.CI = true
	}
	if name := getenv("ORCH_CACHE_LANE"); name != "" {
		l.Name = name
	}
	if main := getenv("ORCH_CACHE_MAIN"); main != "" {
		l.Main = main
	}
	if text := getenv("ORCH_CACHE_TRUSTED"); text != "" {
		// A word that is neither true nor false must not open the cache.
		if trusted, err := strconv.ParseBool(text); err != nil || !trusted {
			l.Fork = true
		}
	}
	if l.Name == "" {
		l.Name = branch()
	}
	if l.Main == "" {
		l.Main = main()
	}
	return l
}

// githubEvent is what orch reads of the event that started a workflow.
type githubEvent struct {
	PullRequest *struct {
		Number int `json:"number"`
		Head   struct {
			Repo *githubRepo `json:"repo"`
		} `json:"head"`
	} `json:"pull_request"`
	WorkflowRun *struct {
		HeadBranch     string      `json:"head_branch"`
		HeadRepository *githubRepo `json:"head_repository"`
	} `json:"workflow_run"`
	Repository struct {
		DefaultBranch string `json:"default_branch"`
	} `json:"repository"`
}

type githubRepo struct {
	FullName string `json:"full_name"`
}

// githubLane reads the event, because pull_request_target and workflow_run run
// on the main branch for code that may be a fork's. If it cannot be read, such
// a run counts as one for a fork.
func githubLane(getenv func(string) string) Lane {
	l := Lane{CI: true, Name: getenv("GITHUB_REF_NAME")}
	if getenv("GITHUB_REF_TYPE") == "tag" {
		l.Name = "tag-" + l.Name
	}
	var event githubEvent
	data, err := os.ReadFile(getenv("GITHUB_EVENT_PATH"))
	if err == nil {
		err = json.Unmarshal(data, &event)
	}
	l.Main = event.Repository.DefaultBranch
	foreign := func(r *githubRepo) bool { return r == nil || r.FullName != getenv("GITHUB_REPOSITORY") }
	switch name := getenv("GITHUB_EVENT_NAME"); name {
	case "pull_request", "pull_request_target", "pull_request_review", "pull_request_review_comment":
		if err != nil || event.PullRequest == nil {
			l.Name, l.Fork = name, true
			return l
		}
		l.Name = "pr-" + strconv.Itoa(event.PullRequest.Number)
		l.Fork = foreign(event.PullRequest.Head.Repo)
	case "workflow_run":
		if err != nil || event.WorkflowRun == nil {
			l.Name, l.Fork = name, true
			return l
		}
		l.Name = event.WorkflowRun.HeadBranch
		l.Fork = foreign(event.WorkflowRun.HeadRepository)
	}
	return l
}

func gitlabLane(getenv func(string) string) Lane {
	l := Lane{CI: true, Main: getenv("CI_DEFAULT_BRANCH"), Name: getenv("CI_COMMIT_BRANCH")}
	if tag := getenv("CI_COMMIT_TAG"); tag != "" {
		l.Name = "tag-" + tag
	}
	if iid := getenv("CI_MERGE_REQUEST_IID"); iid != "" {
		l.Name = "mr-" + iid
		l.Fork = getenv("CI_MERGE_REQUEST_SOURCE_PROJECT_ID") != getenv("CI_MERGE_REQUEST_PROJECT_ID")
	}
	return l
}
