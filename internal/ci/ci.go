// Package ci knows the services that run continuous integration: which of them
// orch runs in, whose cache a run there may write, and how to have a service
// show a message beside a line. It is the one place that reads their variables.
// It knows nothing of definitions and builds, and never talks to a service.
package ci

// Service is a CI service that shows output in a form of its own.
type Service int

// The services. None is also any other service.
const (
	None Service = iota
	GitHub
	GitLab
)

// Of returns the service that runs this process, by its environment.
func Of(getenv func(string) string) Service {
	switch {
	case getenv("GITHUB_ACTIONS") == "true":
		return GitHub
	case getenv("GITLAB_CI") == "true":
		return GitLab
	}
	return None
}
