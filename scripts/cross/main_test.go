package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCheck wants a fault to be found that is in the files of one platform only, and in the
// body of a function.
func TestCheck(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("GOFLAGS", "")
	for name, text := range map[string]string{
		"go.mod":            "module example.com/m\n\ngo 1.26\n",
		"main.go":           "package main\n\nimport \"example.com/m/in\"\n\nfunc main() { in.F() }\n",
		"in/in_linux.go":    "package in\n\nfunc F() {}\n",
		"in/in_darwin.go":   "package in\n\nfunc F() {}\n",
		"in/in_windows.go":  "package in\n\nfunc F() { missing() }\n",
		"in/in_freebsd.go":  "package in\n",
		"other/uses_not.go": "package other\n\nvar x int = \"\"\n",
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for platform, want := range map[string]string{
		"linux/amd64": "", "darwin/arm64": "", "windows/amd64": "undefined: missing", "freebsd/amd64": "undefined: in.F",
	} {
		faults, err := check(platform, ".")
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(faults, "\n"); (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", platform, got, want)
		}
	}
	if _, err := check("windows", "."); err == nil {
		t.Error("no error for half a platform")
	}
}
