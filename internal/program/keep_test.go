//go:build linux

package program

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// counted is a program that counts how often it is unpacked.
func counted(text string, times *int) Kept {
	return Kept{Sum: "sum-" + text, Size: int64(len(text)), Open: func() (io.ReadCloser, error) {
		*times++
		return io.NopCloser(bytes.NewReader([]byte(text))), nil
	}}
}

func TestKeep(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "programs")
	times := 0
	k := counted("abc", &times)
	keep := func(want int, why string) string {
		t.Helper()
		path, err := Keep(dir, k)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(path); err != nil || string(text) != "abc" || times != want {
			t.Errorf("%s: %q, %v, unpacked %d times, want %d", why, text, err, times, want)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v", why, info.Mode(), err)
		}
		return path
	}
	path := keep(1, "the first time")
	keep(1, "the second time")
	for why, harm := range map[string]func() error{
		"cut off":           func() error { return os.Truncate(path, 1) },
		"writable by all":   func() error { return os.Chmod(path, 0o777) },
		"not to be started": func() error { return os.Chmod(path, 0o600) },
		"gone":              func() error { return os.Remove(path) },
		"a link":            func() error { return errors.Join(os.Remove(path), os.Symlink("/bin/sh", path)) },
	} {
		if err := harm(); err != nil {
			t.Fatal(err)
		}
		keep(times+1, why)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// What could not be unpacked whole leaves nothing, and others cannot provide it.
func TestKeepRefuses(t *testing.T) {
	dir := t.TempDir()
	times := 0
	k := counted("abc", &times)
	k.Size = 4
	if path, err := Keep(dir, k); err == nil {
		t.Errorf("kept %s", path)
	}
	checkEmpty(t, dir)
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if path, err := Keep(dir, counted("abc", &times)); err == nil {
		t.Errorf("kept %s where everybody may write", path)
	}
}

func TestKeepRemovesOld(t *testing.T) {
	dir := t.TempDir()
	times := 0
	for _, text := range []string{"a", "b", "c", "d", "e"} {
		path, err := Keep(dir, counted(text, &times))
		if err != nil {
			t.Fatal(err)
		}
		if text == "e" {
			old := time.Now().Add(-keptFor - time.Hour)
			if err := os.Chtimes(path, old, old); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := Keep(dir, counted("f", &times)); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > mostKept {
		t.Errorf("%v, %v", left, err)
	}
	if _, err := os.Stat(filepath.Join(dir, keptPrefix+"sum-e")); err == nil {
		t.Error("a program that was not used for long is still there")
	}
}
