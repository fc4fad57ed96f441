package planner

import (
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/dfgitutil"
	"github.com/tonistiigi/go-csvvalue"
)

// isRemote says whether ADD fetches the source instead of reading it from the
// context. A path such as github.com/x/y is a path for ADD.
func isRemote(src string) bool { return isHTTP(src) || isGit(src) }

func isHTTP(src string) bool {
	return strings.HasPrefix(src, "http://") || strings.HasPrefix(src, "https://")
}

func isGit(src string) bool {
	// Parsing is slow for the many sources that are plain paths.
	if !strings.ContainsAny(src, ":@") {
		return false
	}
	ref, ok, err := dfgitutil.ParseGitRef(src)
	return err == nil && ok && ref != nil && !ref.IndistinguishableFromLocal
}

// mountFields splits the value of --mount at its commas.
func mountFields(value string) []string {
	fields, err := csvvalue.Fields(value, nil)
	if err != nil {
		return []string{value}
	}
	return fields
}

func sortedUnique(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}
