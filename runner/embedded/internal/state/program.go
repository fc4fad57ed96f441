package state

import (
	"os"
	"path/filepath"
)

// SearchDirs returns the folders of PATH, and beside each "bin" its "sbin":
// Debian keeps runc in /usr/sbin, which is not on the PATH of ordinary users.
func SearchDirs(path string) []string {
	var dirs, sbin []string
	for _, dir := range filepath.SplitList(path) {
		if !filepath.IsAbs(dir) {
			continue
		}
		dirs = append(dirs, dir)
		if filepath.Base(dir) == "bin" {
			sbin = append(sbin, filepath.Join(filepath.Dir(dir), "sbin"))
		}
	}
	return append(dirs, sbin...)
}

// LookIn returns the first program of that name in the folders, or "".
func LookIn(dirs []string, name string) string {
	for _, dir := range dirs {
		file := filepath.Join(dir, name)
		if fi, err := os.Stat(file); err == nil && fi.Mode().IsRegular() && fi.Mode()&0o111 != 0 {
			return file
		}
	}
	return ""
}
