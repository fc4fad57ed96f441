package dockerfile

import (
	"path"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/moby/buildkit/frontend/dockerfile/dfgitutil"
	"github.com/tonistiigi/go-csvvalue"
)

// IsRemote says whether ADD fetches the source instead of reading it from the
// context. A path such as github.com/x/y is a path for ADD.
func IsRemote(src string) bool { return IsHTTP(src) || isGit(src) }

// IsHTTP says whether a source is a URL of a file or a repository.
func IsHTTP(src string) bool {
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

// ContextPath is a source of COPY, ADD or a mount as BuildKit follows it: a
// slash path from the root of the context; "" is all of it. A name that is no
// UTF-8 does not survive the way to the builder, so all has to go there.
func ContextPath(src string) string {
	if !utf8.ValidString(src) {
		return ""
	}
	return strings.TrimPrefix(path.Join("/", filepath.ToSlash(src)), "/")
}

// ScratchName is the base of a stage that starts from nothing.
const ScratchName = "scratch"
