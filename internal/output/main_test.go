package output

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// writeEnv makes the test binary write "new" to the file that it names.
const writeEnv = "TEST_OUTPUT_WRITE"

func TestMain(m *testing.M) {
	if name := os.Getenv(writeEnv); name != "" {
		if err := WriteFile(name, []byte("new"), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func putFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func want(t *testing.T, path, text string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil || string(data) != text {
		t.Errorf("%s has %q (%v), want %q", path, data, err, text)
	}
}

func wantLink(t *testing.T, path string) {
	t.Helper()
	if info, err := os.Lstat(path); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("%s is not a link any more (%v)", path, err)
	}
}

// wantNothingAside fails if a file that lay aside is still there.
func wantNothingAside(t *testing.T, dir string) {
	t.Helper()
	_ = filepath.WalkDir(dir, func(path string, _ os.DirEntry, _ error) error {
		if strings.Contains(filepath.Base(path), "orch-") {
			t.Errorf("%s is left", path)
		}
		return nil
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
