package ci

import "encoding/json"

// Runner says in which image the job runs, and by which tags its runner was
// chosen, where the service says so: what it starts is to run in the same place.
// The variables are those of
// https://docs.gitlab.com/ci/variables/predefined_variables.
func Runner(getenv func(string) string) (image string, tags []string) {
	if Of(getenv) != GitLab {
		return "", nil
	}
	// What is not a list has no tags.
	_ = json.Unmarshal([]byte(getenv("CI_RUNNER_TAGS")), &tags)
	return getenv("CI_JOB_IMAGE"), tags
}
