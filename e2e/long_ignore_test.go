//go:build linux

package e2e

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// TestLongIgnoreFile builds with an ignore file that takes 5,000 of 6,000 files
// back, each by a line of its own.
func TestLongIgnoreFile(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"Dockerfile": "FROM scratch\nCOPY . /\n",
		"build.hcl":  "target \"default\" {\n  context = \"ctx\"\n  output  = [\"out\"]\n}\n",
	}
	files["ctx/Dockerfile"] = files["Dockerfile"]
	ignored := []string{"*"}
	for i := range 6000 {
		name := fmt.Sprintf("d%d/f%d", i%50, i)
		files["ctx/"+name] = name
		if i < 5000 {
			ignored = append(ignored, "!"+name)
		}
	}
	files["ctx/.dockerignore"] = strings.Join(ignored, "\n") + "\n"
	dir := project(t, files)
	if out, err := runOrch(dir, "bake", "--progress", "plain").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	n := 0
	err := filepath.WalkDir(filepath.Join(dir, "out"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(filepath.Join(dir, "out"), path)
		if err == nil && readText(t, path) != filepath.ToSlash(name) {
			t.Errorf("%s has another content", name)
		}
		n++
		return err
	})
	if err != nil || n != 5000 {
		t.Errorf("%d files, want 5000: %v", n, err)
	}
}
