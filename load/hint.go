package load

import (
	"fmt"
	"os"
	"path/filepath"
)

// definitionHint says what to do in a folder without a definition.
func definitionHint() string {
	wd, err := os.Getwd()
	if err != nil {
		return "Write a build.hcl, or name a file with -f."
	}
	for dir := filepath.Dir(wd); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		for _, name := range append([]string{BuildFiles[0]}, BakeFiles...) {
			if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.Mode().IsRegular() {
				return fmt.Sprintf("There is a %s in %s: run orch there, as paths start from the folder that it runs in.", name, dir)
			}
		}
	}
	for _, pattern := range []string{"Dockerfile", "Dockerfile.*", "*.Dockerfile", "*/Dockerfile"} {
		if found, err := filepath.Glob(pattern); err == nil && len(found) > 0 {
			return fmt.Sprintf("There is a %s: \"orch init\" writes a build.hcl from it.", filepath.ToSlash(found[0]))
		}
	}
	return "Write a build.hcl, or name a file with -f."
}
