//go:build unix

package contextfs

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/tonistiigi/fsutil/types"
)

func TestGitModes(t *testing.T) {
	dir := folder(t)
	at := func(name string) string { return filepath.Join(dir, name) }
	for name, mode := range map[string]os.FileMode{"a": 0o600, "b": 0o700 | os.ModeSetuid, "c": 0o666, "sub": 0o700} {
		if err := os.Chmod(at(name), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Link(at("d"), at("second")); err != nil {
		t.Fatal(err)
	}
	files, err := (&Watch{}).Open(dir, GitModes)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]fs.FileMode{"a": 0o644, "b": 0o755, "c": 0o644, "sub": fs.ModeDir | 0o755, "second": 0o644}
	err = files.Walk(context.Background(), "/", func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if mode, ok := want[path]; ok && info.Mode() != mode {
			t.Errorf("%s has %v, want %v", path, info.Mode(), mode)
		}
		delete(want, path)
		if st := info.Sys().(*types.Stat); st.Linkname != "" || path == "second" && info.Size() != 1 {
			t.Errorf("%s is a link to %q of %d bytes", path, st.Linkname, info.Size())
		}
		return nil
	})
	if err != nil || len(want) > 0 {
		t.Errorf("%v; not seen: %v", err, want)
	}
}
