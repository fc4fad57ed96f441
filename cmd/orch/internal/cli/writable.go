package cli

import (
	"os"
	"path/filepath"

	"github.com/orch-build/orch/internal/output"
	"github.com/orch-build/orch/internal/usage"
)

// Writable says which file of the flags could not be written when the run is
// over: its folder is not there, it is a folder itself, or its links lead nowhere.
// files are pairs of a flag and what it names; "" means no file.
func Writable(files [][2]string) error {
	for _, f := range files {
		flag, path := f[0], f[1]
		if path == "" {
			continue
		}
		if path == "-" {
			return usage.Errorf("%s: - is no file; write /dev/stdout to have it printed, or ./- for a file of that name", flag)
		}
		if dir := filepath.Dir(path); !isFolder(dir) {
			return usage.Errorf("%s: %s does not exist, or is not a folder", flag, dir)
		}
		if info, err := os.Stat(path); err == nil {
			if info.IsDir() {
				return usage.Errorf("%s: %s is a folder; name a file, such as %s", flag, path, filepath.Join(path, "out.json"))
			}
			continue
		}
		goal, err := output.Real(path)
		if err != nil {
			return usage.Errorf("%s: %s is a link that leads back to itself", flag, path)
		}
		if dir := filepath.Dir(goal); !isFolder(dir) {
			return usage.Errorf("%s: %s is a link to %s, whose folder does not exist", flag, path, goal)
		}
	}
	return nil
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
