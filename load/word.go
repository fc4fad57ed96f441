package load

import (
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// stater looks at files, as config.Files does.
type stater interface {
	Stat(name string) (fs.FileInfo, error)
}

// wordHint says what to write instead of a word that names no target but a folder
// or a file, as other tools take them; "" if it names neither.
func wordHint(disk stater, word string) string {
	info, err := disk.Stat(word)
	switch {
	case err != nil:
		return ""
	case info.IsDir():
		return folderHint(disk, word)
	case !info.Mode().IsRegular():
		return ""
	case isDefinition(word):
		return fmt.Sprintf("%q is a file: read it as the definition with -f %s.", word, word)
	case isDockerfile(word):
		return fmt.Sprintf("%q is a file: name a target; its Dockerfile is its attribute \"dockerfile\".", word)
	}
	return fmt.Sprintf("%q is a file: name a target.", word)
}

// folderHint is wordHint for a folder. A definition in the folder where orch runs
// is the one that was read.
func folderHint(disk stater, word string) string {
	for _, name := range UsualFiles() {
		file := path.Join(filepath.ToSlash(word), name)
		if info, err := disk.Stat(file); err == nil && info.Mode().IsRegular() && file != name {
			return fmt.Sprintf("%q is a folder: run orch in it, or read its definition with -f %s.", word, file)
		}
	}
	return fmt.Sprintf("%q is a folder: name a target; the folder that it is built from is its attribute \"context\".", word)
}

// isDefinition says whether a file is called as definitions are.
func isDefinition(name string) bool {
	return slices.Contains([]string{".hcl", ".json", ".yaml", ".yml"}, strings.ToLower(filepath.Ext(name)))
}

// isDockerfile says whether a file is called as Dockerfiles are.
func isDockerfile(name string) bool {
	base := strings.ToLower(filepath.Base(name))
	for _, kind := range []string{"dockerfile", "containerfile"} {
		if base == kind || strings.HasPrefix(base, kind+".") || strings.HasSuffix(base, "."+kind) {
			return true
		}
	}
	return false
}
