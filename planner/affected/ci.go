package affected

// Base returns the revision that a run of a CI service is to be compared with:
// the branch that a merge request goes to. It is "" elsewhere.
func Base(getenv func(string) string) string {
	if sha := getenv("CI_MERGE_REQUEST_DIFF_BASE_SHA"); sha != "" {
		return sha
	}
	for _, name := range []string{
		"GITHUB_BASE_REF", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "BITBUCKET_PR_DESTINATION_BRANCH", "CHANGE_TARGET",
		"BUILDKITE_PULL_REQUEST_BASE_BRANCH", "SYSTEM_PULLREQUEST_TARGETBRANCHNAME", "DRONE_TARGET_BRANCH",
	} {
		if branch := getenv(name); branch != "" {
			return "origin/" + branch
		}
	}
	return ""
}
