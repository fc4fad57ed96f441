package main

import (
	"encoding/json"
	"os"
	"strconv"

	"github.com/orch-build/orch/config"
)

// lane works out whose cache this run may write: from ORCH_CACHE_* variables,
// else from those of the CI service, else from git. The variables of GitHub
// are those of https://docs.github.com/actions/reference/variables-reference,
// those of GitLab of https://docs.gitlab.com/ci/variables/predefined_variables.
func (e *env) lane() config.Lane {
	var l config.Lane
	switch {
	case e.getenv("GITHUB_ACTIONS") == "true":
		l = e.githubLane()
	case e.getenv("GITLAB_CI") != "":
		l = e.gitlabLane()
	}
	if ci, err := strconv.ParseBool(e.getenv("CI")); err == nil && ci {
		l.CI = true
	}
	if name := e.getenv("ORCH_CACHE_LANE"); name != "" {
		l.Name = name
	}
	if main := e.getenv("ORCH_CACHE_MAIN"); main != "" {
		l.Main = main
	}
	if text := e.getenv("ORCH_CACHE_TRUSTED"); text != "" {
		// A word that is neither true nor false must not open the cache.
		if trusted, err := strconv.ParseBool(text); err != nil || !trusted {
			l.Fork = true
		}
	}
	if l.Name == "" {
		// Without a branch, or a repository, there is no name.
		if branch, err := gitFact(".", "branch"); err == nil {
			l.Name, _ = branch.(string)
		}
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
func (e *env) githubLane() config.Lane {
	l := config.Lane{CI: true, Name: e.getenv("GITHUB_REF_NAME")}
	if e.getenv("GITHUB_REF_TYPE") == "tag" {
		l.Name = "tag-" + l.Name
	}
	var event githubEvent
	data, err := os.ReadFile(e.getenv("GITHUB_EVENT_PATH"))
	if err == nil {
		err = json.Unmarshal(data, &event)
	}
	l.Main = event.Repository.DefaultBranch
	foreign := func(r *githubRepo) bool { return r == nil || r.FullName != e.getenv("GITHUB_REPOSITORY") }
	switch name := e.getenv("GITHUB_EVENT_NAME"); name {
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

func (e *env) gitlabLane() config.Lane {
	l := config.Lane{CI: true, Main: e.getenv("CI_DEFAULT_BRANCH"), Name: e.getenv("CI_COMMIT_BRANCH")}
	if tag := e.getenv("CI_COMMIT_TAG"); tag != "" {
		l.Name = "tag-" + tag
	}
	if iid := e.getenv("CI_MERGE_REQUEST_IID"); iid != "" {
		l.Name = "mr-" + iid
		l.Fork = e.getenv("CI_MERGE_REQUEST_SOURCE_PROJECT_ID") != e.getenv("CI_MERGE_REQUEST_PROJECT_ID")
	}
	return l
}
