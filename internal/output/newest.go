package output

import (
	"cmp"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// KeepNewest removes the files of a folder that were not written for the longest time,
// where there are more than most: a quarter more than needed, so that it is not done
// for each file that comes. What cannot be removed stays.
func KeepNewest(dir string, most int) {
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) <= most {
		return
	}
	var files []fs.FileInfo
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			files = append(files, info)
		}
	}
	slices.SortFunc(files, func(a, b fs.FileInfo) int {
		return cmp.Or(a.ModTime().Compare(b.ModTime()), cmp.Compare(a.Name(), b.Name()))
	})
	for _, f := range files[:max(0, len(files)-most*3/4)] {
		_ = os.Remove(filepath.Join(dir, f.Name()))
	}
}
