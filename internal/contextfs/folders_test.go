package contextfs

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestFolderModes lists which changes of folders make another context.
func TestFolderModes(t *testing.T) {
	const same = true
	for _, tt := range []struct {
		name            string
		usual           fs.FileMode
		paths, excludes []string
		folder          string
		mode            fs.FileMode
		same            bool
	}{
		{"a folder", 0o755, nil, nil, "a", 0o700, !same},
		{"one below", 0o755, nil, nil, "a/b", 0o775, !same},
		{"a sticky one", 0o755, nil, nil, "a/b", 0o755 | fs.ModeSticky, !same},
		{"a new one", 0o755, nil, nil, "new", 0o755, same},
		{"a new one under another umask", 0o775, nil, nil, "new", 0o775, same},
		{"another mode under another umask", 0o775, nil, nil, "a/b", 0o755, !same},
		{"the root", 0o755, nil, nil, ".", 0o700, same},
		{"read", 0o755, []string{"a/f"}, nil, "a", 0o700, !same},
		{"read by a pattern", 0o755, []string{"a/*/f"}, nil, "a/b", 0o700, !same},
		{"above what is read", 0o755, []string{"a/b/f"}, nil, "a", 0o700, !same},
		{"not read", 0o755, []string{"a", "f"}, nil, "c", 0o700, same},
		{"nothing is read", 0o755, []string{}, nil, "c", 0o700, same},
		{"ignored", 0o755, nil, []string{"c"}, "c", 0o700, same},
		{"below what is ignored", 0o755, nil, []string{"**/b"}, "a/b/d", 0o700, same},
		{"an exception leads there", 0o755, nil, []string{"a", "!a/b/f"}, "a/b", 0o700, !same},
		{"an exception leads anywhere", 0o755, nil, []string{"**", "!**/f"}, "a/b", 0o700, !same},
		{"an exception leads elsewhere", 0o755, nil, []string{"*", "!c/f"}, "a/b", 0o700, same},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "context")
			set := func(path string, mode fs.FileMode) {
				full := filepath.Join(dir, path)
				if err := os.MkdirAll(full, 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.Chmod(full, mode); err != nil {
					t.Fatal(err)
				}
			}
			for _, path := range []string{".", "a", "a/b", "a/b/d", "c"} {
				set(path, tt.usual)
			}
			link := filepath.Join(t.TempDir(), "link")
			if err := os.Symlink(dir, link); err != nil {
				t.Fatal(err)
			}
			before := FolderModes(dir, tt.paths, tt.excludes)
			if usual := tt.usual == 0o755; usual != (before == "") {
				t.Errorf("named %q", before)
			}
			set(tt.folder, tt.mode)
			after := FolderModes(link, tt.paths, tt.excludes)
			if (before == after) != tt.same {
				t.Errorf("%q, and before %q", after, before)
			}
		})
	}
}
