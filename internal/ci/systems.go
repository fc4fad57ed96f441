package ci

import (
	"path"
	"strings"
)

// jenkinsLane reads the variables of a multibranch pipeline:
// https://www.jenkins.io/doc/book/pipeline/multibranch/#additional-environment-variables.
func jenkinsLane(getenv func(string) string) Lane {
	l := Lane{CI: true, Name: getenv("BRANCH_NAME")}
	if getenv("BRANCH_IS_PRIMARY") == "true" {
		l.Main = l.Name
	}
	if tag := getenv("TAG_NAME"); tag != "" {
		l.Name = "tag-" + tag
	}
	if id := getenv("CHANGE_ID"); id != "" {
		l.Name, l.Fork = "pr-"+id, getenv("CHANGE_FORK") != ""
	}
	return l
}

// buildkiteLane reads the variables of
// https://buildkite.com/docs/pipelines/environment-variables. A pull request whose
// repository is not known counts as one of a fork.
func buildkiteLane(getenv func(string) string) Lane {
	l := Lane{CI: true, Name: getenv("BUILDKITE_BRANCH"), Main: getenv("BUILDKITE_PIPELINE_DEFAULT_BRANCH")}
	if tag := getenv("BUILDKITE_TAG"); tag != "" {
		l.Name = "tag-" + tag
	}
	if id := getenv("BUILDKITE_PULL_REQUEST"); id != "" && id != "false" {
		from := repository(getenv("BUILDKITE_PULL_REQUEST_REPO"))
		l.Name, l.Fork = "pr-"+id, from == "" || from != repository(getenv("BUILDKITE_REPO"))
	}
	return l
}

// repository is the host and the path of the URL of a repository, so that those of
// several protocols can be compared.
func repository(url string) string {
	_, rest, ok := strings.Cut(url, "://")
	if !ok { // git@HOST:PATH
		rest = strings.Replace(url, ":", "/", 1)
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		rest = rest[at+1:]
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(rest, "/"), ".git"))
}

// azureLane reads the variables of
// https://learn.microsoft.com/azure/devops/pipelines/build/variables. A pull request
// of which it is not said whether it is a fork's counts as one.
func azureLane(getenv func(string) string) Lane {
	ref := getenv("BUILD_SOURCEBRANCH")
	l := Lane{CI: true, Name: strings.TrimPrefix(ref, "refs/heads/")}
	if tag, ok := strings.CutPrefix(ref, "refs/tags/"); ok {
		l.Name = "tag-" + tag
	}
	id := getenv("SYSTEM_PULLREQUEST_PULLREQUESTNUMBER")
	if id == "" {
		id = getenv("SYSTEM_PULLREQUEST_PULLREQUESTID")
	}
	if id == "" && strings.HasPrefix(ref, "refs/pull/") {
		id, _, _ = strings.Cut(strings.TrimPrefix(ref, "refs/pull/"), "/")
	}
	if id != "" {
		l.Name, l.Fork = "pr-"+id, !strings.EqualFold(getenv("SYSTEM_PULLREQUEST_ISFORK"), "false")
	}
	return l
}

// circleLane reads the variables of
// https://circleci.com/docs/variables/#built-in-environment-variables. Some of them
// are there only in builds of forks, whose branch is that of the pull request.
func circleLane(getenv func(string) string) Lane {
	l := Lane{CI: true, Name: getenv("CIRCLE_BRANCH")}
	if tag := getenv("CIRCLE_TAG"); tag != "" {
		l.Name = "tag-" + tag
	}
	if url := getenv("CIRCLE_PULL_REQUEST"); url != "" {
		l.Name = "pr-" + path.Base(url)
	}
	number, ofFork := strings.CutPrefix(getenv("CIRCLE_BRANCH"), "pull/")
	for _, name := range []string{"CIRCLE_PR_NUMBER", "CIRCLE_PR_USERNAME", "CIRCLE_PR_REPONAME"} {
		ofFork = ofFork || getenv(name) != ""
	}
	if ofFork {
		if id := getenv("CIRCLE_PR_NUMBER"); id != "" {
			number, _, _ = strings.Cut(id, "/")
			l.Name = "pr-" + number
		} else if getenv("CIRCLE_PULL_REQUEST") == "" {
			number, _, _ = strings.Cut(number, "/")
			l.Name = "pr-" + number
		}
		l.Fork = true
	}
	return l
}
