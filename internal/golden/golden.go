// Package golden compares text that a test made with a file that is checked in,
// and rewrites that file when it is asked to. It knows nothing of what the text
// is.
package golden

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// Check fails the test if the file does not hold want. With update it writes
// the file instead, and the folder that it is in.
func Check(t testing.TB, update bool, file, want string) {
	t.Helper()
	got, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if string(got) == want {
		return
	}
	if !update {
		t.Errorf("%s is out of date: run this test with -update", file)
		return
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}
