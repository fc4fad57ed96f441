package main

import (
	"os"
	"path/filepath"
	"strings"
)

// githubPath is a file as annotations of GitHub Actions name it: from the top
// of the checkout, wherever in it orch runs.
func (e *env) githubPath(file string) string {
	top := e.getenv("GITHUB_WORKSPACE")
	wd, err := os.Getwd()
	if top == "" || err != nil {
		return file
	}
	path := file
	if !filepath.IsAbs(path) {
		path = filepath.Join(wd, path)
	}
	rel, err := filepath.Rel(top, path)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return file
	}
	return filepath.ToSlash(rel)
}
