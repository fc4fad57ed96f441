package contextfs

import (
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tonistiigi/fsutil"
	"github.com/tonistiigi/fsutil/types"
)

// GitMode is what git keeps of a mode: whether its owner may execute a file.
func GitMode(m fs.FileMode) fs.FileMode {
	switch {
	case m.IsDir():
		return fs.ModeDir | 0o755
	case m.IsRegular() && m&0o100 != 0:
		return 0o755
	case m.IsRegular():
		return 0o644
	}
	return m
}

// asGit is what git would make of an entry: its mode, and no second name of
// another file.
func (e *entry) asGit(info fs.FileInfo) fs.FileInfo {
	st, ok := info.Sys().(*types.Stat)
	if !ok {
		return info
	}
	st = st.CloneVT()
	st.Mode = uint32(GitMode(fs.FileMode(st.Mode)))
	if info.Mode().IsRegular() && st.Linkname != "" {
		st.Linkname = ""
		if file, err := os.Lstat(filepath.Join(e.walk.fs.root, e.path)); err == nil {
			st.Size = file.Size()
		}
	}
	return &fsutil.StatInfo{Stat: st}
}
