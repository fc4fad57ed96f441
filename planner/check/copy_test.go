package check

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
)

// wordAt is where the word of a COPY is that its fault is about: the pattern of
// --exclude, else the source.
func wordAt(src string) int {
	if _, pattern, ok := strings.Cut(src, "--exclude="); ok {
		return len(src) - len(pattern)
	}
	return len(src) - len(strings.TrimPrefix(src, "--parents "))
}

// TestCheckLinks judges sources behind symbolic links as the builder does, for
// which the context is all there is.
func TestCheckLinks(t *testing.T) {
	dir := t.TempDir()
	outside := t.TempDir()
	for name, target := range map[string]string{
		"inside": "data/file", "loop": "loop", "up": "../../../data/file", "rooted": "/data/file",
		"outside": filepath.Join(outside, "file"), "dangling": "nothing", "folder": "data", "hidden": "secret", "data/lost": "nothing",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{
		filepath.Join(outside, "file"): "x", filepath.Join(dir, "data/file"): "x",
		filepath.Join(dir, "secret"): "x", filepath.Join(dir, ".dockerignore"): "secret\n",
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for src, want := range map[string]string{
		"inside": "", "up": "", "rooted": "", "folder/file": "", "folder/f*": "",
		"loop":        "a symbolic link that leads to itself",
		"outside":     "which is not there: for the builder, links end in the context",
		"dangling":    "behind a symbolic link to nothing",
		"folder/fiel": "behind a symbolic link to data/fiel",
		"hidden":      "put !secret below",
		"data/fiel":   `There is no data/fiel in`,
		"none/*":      "There is no none in",
		"data/x*":     "the build fails for it",
		"dang*":       "dang* matches dangling in",
		"we[a":        "we[a is not a pattern",
		"we[[]ir[]]d": "is not a pattern",

		"--parents data/file": "", "--parents data/./file": "", "--parents inside": "", "--parents folder/./f*": "",
		"--parents folder/./file": "--parents follows none. The file may be data/file",
		"--parents folder/file":   "--parents follows none. The file may be data/file",
		"--parents none":          "There is no none in",
		"--parents dangling":      "is a symbolic link to nothing, which is not there",
		"--parents dang*":         "dang* matches dangling in",
		"--parents data/lost":     "", "--parents data/l*": "", "--parents data/./lost": "",

		"[z-a]": "[z-a] is not a pattern", "data/[z-a]*": "is not a pattern",
		"--exclude=[ data":       "[ is not a pattern",
		"--exclude=a[z-a] data":  "a[z-a] is not a pattern",
		"--exclude=[!a] data":    "",
		"--exclude=*.x data/f*":  "",
		"--exclude=!x data/file": "",
	} {
		text := "FROM scratch\nCOPY " + src + " /x/\n"
		cfg := &config.Config{Chosen: []string{"a"}, Targets: []*config.Target{{Name: "a", Context: config.Context{Value: dir}, DockerfileInline: &text}}}
		_, diags := New(cfg, planner.Options{BuildPlatform: "linux/amd64"}, Options{})
		if want == "" {
			if len(diags) > 0 {
				t.Errorf("%s: %v", src, diags)
			}
			continue
		}
		if len(diags) != 1 || !diags.HasErrors() || !strings.Contains(diags[0].Detail, want) || diags[0].Subject.Start.Column != 6+wordAt(src) {
			t.Errorf("%s: got %v, want %q", src, diags, want)
		}
	}
}
