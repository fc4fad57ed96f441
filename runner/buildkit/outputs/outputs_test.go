package outputs

import (
	"cmp"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/orch-build/orch/internal/output"
)

// listing is the content of a folder's files, by their paths.
func listing(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		out[filepath.ToSlash(rel)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestFileOutput(t *testing.T) {
	dir := t.TempDir()
	dest := filepath.Join(dir, "out", "app.tar")
	put := func(text string, keep bool) {
		t.Helper()
		f := &Files{}
		w, err := f.File(dest)(nil)
		if err == nil {
			_, err = io.WriteString(w, text)
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		if data, err := os.ReadFile(dest); err == nil && string(data) == text {
			t.Error("the output is there before the export is complete")
		}
		if !keep {
			f.Abort()
		} else if err := f.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	put("first", true)
	put("second", false)
	if got := listing(t, dir); len(got) != 1 || got["out/app.tar"] != "first" {
		t.Errorf("after an export that failed: %v", got)
	}
	put("third", true)
	if got := listing(t, dir); len(got) != 1 || got["out/app.tar"] != "third" {
		t.Errorf("after a good one: %v", got)
	}
}

func TestDirOutput(t *testing.T) {
	for _, clean := range []bool{false, true} {
		dir := t.TempDir()
		dest := filepath.Join(dir, "out")
		if err := os.MkdirAll(filepath.Join(dest, "sub"), 0o755); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"old": "old", "sub/both": "old"} {
			if err := os.WriteFile(filepath.Join(dest, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		f := &Files{}
		tmp, err := f.Folder(dest, clean)
		if err == nil {
			err = os.MkdirAll(filepath.Join(tmp, "sub"), 0o755)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(tmp, "sub/both"), []byte("new"), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := listing(t, dest); got["sub/both"] != "old" {
			t.Errorf("before it is complete: %v", got)
		}
		if err := f.Commit(); err != nil {
			t.Fatal(err)
		}
		got := listing(t, dir)
		want := 2
		if clean {
			want = 1
		}
		if got["out/sub/both"] != "new" || len(got) != want || (got["out/old"] == "old") == clean {
			t.Errorf("clean %t: %v", clean, got)
		}
	}
}

// TestCauseFull knows of the writers in BuildKit's client what they say: of a
// folder that was full, it has what is written there as its name.
func TestCauseFull(t *testing.T) {
	t.Chdir(t.TempDir())
	f := &Files{}
	tmp, err := f.Folder("out", false)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Abort()
	if _, err := f.Layout(t.Context(), "images"); err != nil {
		t.Fatal(err)
	}
	for says, want := range map[string]string{
		"exporting: error from receiver: write " + tmp + "/x: no space left on device":   "writing out: no space left on device",
		"exporting: failed to copy: write images/ingest/1/data: no space left on device": "writing images: no space left on device",
		"exporting: write /var/lib/x: no space left on device":                           "",
		"exporting: EOF": "",
	} {
		says = filepath.FromSlash(says)
		err := f.Cause(errors.New(says))
		var e *output.Error
		if errors.As(err, &e) != (want != "") || err.Error() != cmp.Or(want, says) {
			t.Errorf("%s: %v", says, err)
		}
	}
}
