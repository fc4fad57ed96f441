package permission

import (
	"path/filepath"
	"strings"

	"github.com/orch-build/orch/internal/output"
)

// RealPath returns where a path leads when it is opened: absolute and without
// symbolic links. What does not exist yet stays as it is written.
func RealPath(path string) (string, error) { return output.Real(path) }

// within says whether a path is a folder or something in it.
func within(path, folder string) bool {
	rel, err := filepath.Rel(folder, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// shortPath returns a path from the working directory if at most one ".."
// leads to it.
func shortPath(path, wd string) string {
	rel, err := filepath.Rel(wd, path)
	if err != nil || strings.HasPrefix(rel, filepath.Join("..", "..")) {
		return path
	}
	return rel
}
