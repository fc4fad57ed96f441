package load

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// NoDefinition is the error of a folder without a definition.
type NoDefinition struct {
	Dockerfiles []string // what orch init would make one of
	above       string   // a definition in a folder above, or ""
}

func (e *NoDefinition) Error() string {
	return fmt.Sprintf("there is no definition here: looked for %s, %s\n%s",
		strings.Join(BuildFiles[:3], ", "), strings.Join(BakeFiles, ", "), e.hint())
}

// hint says what to do.
func (e *NoDefinition) hint() string {
	const some = 4
	switch n := len(e.Dockerfiles); {
	case e.above != "":
		return fmt.Sprintf("There is a %s in %s: run orch there, as paths start from the folder that it runs in.", filepath.Base(e.above), filepath.Dir(e.above))
	case n == 1:
		return fmt.Sprintf("\"orch init\" writes a build.hcl from %s.", e.Dockerfiles[0])
	case n > some:
		return fmt.Sprintf("\"orch init\" writes a build.hcl from %s and %d more.", strings.Join(e.Dockerfiles[:some], ", "), n-some)
	case n > 0:
		return fmt.Sprintf("\"orch init\" writes a build.hcl from %s and %s.", strings.Join(e.Dockerfiles[:n-1], ", "), e.Dockerfiles[n-1])
	}
	return "Write a build.hcl, or name a file with -f."
}

// noDefinition looks for what is there in place of a definition.
func noDefinition() *NoDefinition {
	e := &NoDefinition{}
	wd, err := os.Getwd()
	if err != nil {
		return e
	}
	for dir := filepath.Dir(wd); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		for _, name := range append([]string{BuildFiles[0]}, BakeFiles...) {
			if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.Mode().IsRegular() {
				e.above = filepath.Join(dir, name)
				return e
			}
		}
	}
	for _, pattern := range []string{"Dockerfile", "Dockerfile.*", "*.Dockerfile", "*/Dockerfile"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			continue
		}
		for _, name := range found {
			e.Dockerfiles = append(e.Dockerfiles, filepath.ToSlash(name))
		}
	}
	return e
}
