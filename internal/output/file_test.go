package output

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
)

// A goal keeps its old content until the new one is complete, and what leads to
// it stays what it is.
func TestLeadsToAFile(t *testing.T) {
	for name, c := range map[string]struct {
		make func(t *testing.T) // in the current folder
		name string
		goal string // the file that is to have the content
		old  string
		link string // what has to be a link afterwards
	}{
		"new":   {func(*testing.T) {}, "f", "f", "", ""},
		"there": {func(t *testing.T) { putFile(t, "f", "old") }, "f", "f", "old", ""},
		"link": {func(t *testing.T) {
			putFile(t, "f", "old")
			must(t, os.Symlink("f", "l"))
		}, "l", "f", "old", "l"},
		"link to nothing": {func(t *testing.T) { must(t, os.Symlink("f", "l")) }, "l", "f", "", "l"},
		"links in a row": {func(t *testing.T) {
			must(t, os.Mkdir("d", 0o755))
			must(t, os.Symlink("d/m", "l"))
			must(t, os.Symlink("../f", "d/m"))
		}, "l", "f", "", "d/m"},
		"link into a folder that is a link": {func(t *testing.T) {
			must(t, os.MkdirAll("a/b", 0o755))
			must(t, os.Symlink("a/b", "d"))
			must(t, os.Symlink("d/../f", "l"))
		}, "l", "a/f", "", "l"},
		"a long name":                 {func(*testing.T) {}, strings.Repeat("n", 255), strings.Repeat("n", 255), "", ""},
		"a long name of wide letters": {func(*testing.T) {}, strings.Repeat("é", 127), strings.Repeat("é", 127), "", ""},
		"with a star":                 {func(*testing.T) {}, "a*b*", "a*b*", "", ""},
		"not UTF-8":                   {func(t *testing.T) { putFile(t, "\xff", "old") }, "\xff", "\xff", "old", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			c.make(t)
			f, err := Create(c.name, 0o644)
			must(t, err)
			_, err = f.Write([]byte("thrown away"))
			must(t, err)
			f.Discard()
			check := func() {
				if _, err := os.Stat(c.goal); c.old == "" && !os.IsNotExist(err) {
					t.Errorf("there is something before the content is complete: %v", err)
				} else if c.old != "" {
					want(t, c.goal, c.old)
				}
			}
			check()
			f, err = Create(c.name, 0o644)
			must(t, err)
			_, err = f.Write([]byte("new"))
			must(t, err)
			check()
			must(t, f.Commit())
			f.Discard()
			want(t, c.goal, "new")
			if c.link != "" {
				wantLink(t, c.link)
			}
			wantNothingAside(t, ".")
		})
	}
}

func TestNotAFile(t *testing.T) {
	t.Chdir(t.TempDir())
	must(t, os.Mkdir("d", 0o755))
	must(t, os.Symlink("d", "l"))
	must(t, os.Symlink("loop", "loop"))
	putFile(t, "f", "old")
	for name, text := range map[string]string{
		"d": "d: is a folder", "l": "l: is a folder", "d/": "d/: is a folder", ".": ".: is a folder",
		"loop": "too many levels of symbolic links", "no/f": "no/f: no such file or directory",
		"f/f": "f/f: not a directory", "a\x1bb/f": `"a\x1bb/f": no such file`,
	} {
		err := WriteFile(name, []byte("new"), 0o644)
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v, want %q", name, err, text)
		}
	}
	want(t, "f", "old")
}

// A link that is bent meanwhile must not carry the content elsewhere.
func TestBentLink(t *testing.T) {
	t.Chdir(t.TempDir())
	putFile(t, "a", "old")
	putFile(t, "b", "other")
	must(t, os.Symlink("a", "l"))
	f, err := Create("l", 0o644)
	must(t, err)
	must(t, os.Remove("l"))
	must(t, os.Symlink("b", "l"))
	if err := f.Commit(); !errors.Is(err, errMoved) {
		t.Errorf("got %v, want that it leads to another place", err)
	}
	want(t, "a", "old")
	want(t, "b", "other")
	wantNothingAside(t, ".")
}

func TestPermissions(t *testing.T) {
	t.Chdir(t.TempDir())
	putFile(t, "old", "old")
	must(t, os.Chmod("old", 0o640))
	for name, mode := range map[string]os.FileMode{"old": 0o640, "secret": 0o600, "new": 0o666 &^ umask()} {
		perm := os.FileMode(0o666)
		if name == "secret" {
			perm = 0o600
		}
		must(t, WriteFile(name, nil, perm))
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s has %v, want %v (%v)", name, info.Mode(), mode, err)
		}
	}
}

// File systems such as NFS refuse to rename for reasons that do not keep a
// program from writing.
func TestRefusedRename(t *testing.T) {
	defer func() { rename = os.Rename }()
	for _, no := range []error{syscall.ESTALE, syscall.EXDEV, syscall.EBUSY, syscall.EPERM, syscall.ETXTBSY} {
		rename = func(a, b string) error { return &os.LinkError{Op: "rename", Old: a, New: b, Err: no} }
		t.Chdir(t.TempDir())
		putFile(t, "f", "old, and longer than the new content")
		if err := WriteFile("f", []byte("new"), 0o644); err != nil {
			t.Errorf("%v: %v", no, err)
		}
		want(t, "f", "new")
		wantNothingAside(t, ".")
	}
	// What a copy would not do better is an error, and the old content whole.
	for _, no := range []error{syscall.EIO, syscall.ENOSPC} {
		rename = func(a, b string) error { return &os.LinkError{Op: "rename", Old: a, New: b, Err: no} }
		putFile(t, "f", "old")
		if err := WriteFile("f", []byte("new"), 0o644); !errors.Is(err, no) {
			t.Errorf("got %v, want %v", err, no)
		}
		want(t, "f", "old")
		wantNothingAside(t, ".")
	}
}

func TestReplaceable(t *testing.T) {
	t.Chdir(t.TempDir())
	putFile(t, "f", "")
	must(t, os.Symlink("f", "l"))
	must(t, os.Symlink("no", "m"))
	for name, is := range map[string]bool{"f": true, "l": true, "m": true, "no": true, ".": false, os.DevNull: false} {
		if Replaceable(name) != is {
			t.Errorf("%s: %t", name, !is)
		}
	}
}
