package cli

import (
	"os"
	"path/filepath"

	"github.com/orch-build/orch/internal/usage"
)

// Writable says which file of the flags could not be written when the run is
// over, because its folder is not there, or it is a folder. files are pairs of a flag and what it
// names; "" means no file.
func Writable(files [][2]string) error {
	for _, f := range files {
		flag, path := f[0], f[1]
		if path == "" {
			continue
		}
		dir := filepath.Dir(path)
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return usage.Errorf("%s: %s does not exist, or is not a folder", flag, dir)
		}
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			return usage.Errorf("%s: %s is a folder; name a file, such as %s", flag, path, filepath.Join(path, "out.json"))
		}
	}
	return nil
}
