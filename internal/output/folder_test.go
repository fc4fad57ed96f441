package output

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fill writes files, by their paths, to a folder; those that end in "/" are
// folders, and "> " begins where a link leads to.
func fill(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		to, isLink := strings.CutPrefix(text, "> ")
		switch {
		case isLink:
			must(t, os.Symlink(to, path))
		case strings.HasSuffix(name, "/"):
			must(t, os.MkdirAll(path, 0o755))
		default:
			putFile(t, path, text)
		}
	}
}

// tree is what fill would make.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	must(t, filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		rel, _ := filepath.Rel(dir, path)
		switch {
		case err != nil || rel == ".":
		case e.IsDir():
			out[rel+"/"] = ""
		case e.Type()&os.ModeSymlink != 0:
			to, _ := os.Readlink(path)
			out[rel] = "> " + to
		default:
			data, _ := os.ReadFile(path)
			out[rel] = string(data)
		}
		return err
	}))
	return out
}

func sameTree(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	got := tree(t, dir)
	for name, text := range want {
		if have, ok := got[name]; !ok || have != text {
			t.Errorf("%s: %s is %q (%t), want %q", dir, name, have, ok, text)
		}
		delete(got, name)
	}
	for name, text := range got {
		t.Errorf("%s: %s is there, with %q", dir, name, text)
	}
}

func TestFolder(t *testing.T) {
	for name, c := range map[string]struct {
		before map[string]string
		dest   string
		clear  bool
		after  map[string]string
	}{
		"new": {nil, "out", false, map[string]string{"out/": "", "out/a": "new", "out/s/": "", "out/s/b": "new"}},
		"below others": {nil, "x/y/out", true, map[string]string{
			"x/": "", "x/y/": "", "x/y/out/": "", "x/y/out/a": "new", "x/y/out/s/": "", "x/y/out/s/b": "new"}},
		"there": {map[string]string{"out/a": "old", "out/s/c": "old"}, "out/", false, map[string]string{
			"out/": "", "out/a": "new", "out/s/": "", "out/s/b": "new", "out/s/c": "old"}},
		"cleared": {map[string]string{"out/a": "old", "out/s/c": "old", "out/d/e": "old", "f": "> out"}, "out", true, map[string]string{
			"out/": "", "out/a": "new", "out/s/": "", "out/s/b": "new", "f": "> out"}},
		"link": {map[string]string{"real/a": "old", "real/k": "old", "out": "> real"}, "out", false, map[string]string{
			"out": "> real", "real/": "", "real/a": "new", "real/k": "old", "real/s/": "", "real/s/b": "new"}},
		"link, cleared": {map[string]string{"real/a": "old", "real/k": "old", "out": "> real"}, "out/", true, map[string]string{
			"out": "> real", "real/": "", "real/a": "new", "real/s/": "", "real/s/b": "new"}},
		"link to nothing": {map[string]string{"out": "> real"}, "out", false, map[string]string{
			"out": "> real", "real/": "", "real/a": "new", "real/s/": "", "real/s/b": "new"}},
		// Links inside are replaced: what they lead to is none of the output.
		"links inside": {map[string]string{"out/a": "> ../kept", "out/s": "> ../other", "kept": "old", "other/b": "old"}, "out", false, map[string]string{
			"kept": "old", "other/": "", "other/b": "old", "out/": "", "out/a": "new", "out/s/": "", "out/s/b": "new"}},
		"links inside, cleared": {map[string]string{"out/t": "> ../other", "out/s/u": "> ../../other", "other/b": "old"}, "out", true, map[string]string{
			"other/": "", "other/b": "old", "out/": "", "out/a": "new", "out/s/": "", "out/s/b": "new"}},
		"of another kind": {map[string]string{"out/a/x": "old", "out/s": "old"}, "out", false, map[string]string{
			"out/": "", "out/a": "new", "out/s/": "", "out/s/b": "new"}},
		"here":  {map[string]string{"k": "old"}, ".", false, map[string]string{"k": "old", "a": "new", "s/": "", "s/b": "new"}},
		"above": {map[string]string{"in/": ""}, "in/..", true, map[string]string{"a": "new", "s/": "", "s/b": "new"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			fill(t, ".", c.before)
			was := tree(t, ".")
			write := func() *Folder {
				d, err := CreateFolder(c.dest)
				must(t, err)
				fill(t, d.Path(), map[string]string{"a": "new", "s/b": "new"})
				return d
			}
			write().Discard()
			if name != "below others" {
				sameTree(t, ".", was)
			}
			commit := (*Folder).Commit
			if c.clear {
				commit = (*Folder).Replace
			}
			must(t, commit(write()))
			sameTree(t, ".", c.after)
		})
	}
}

func TestNotAFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	putFile(t, "f", "old")
	must(t, os.Symlink("f", "l"))
	for _, name := range []string{"f", "l", "f/", os.DevNull} {
		if _, err := CreateFolder(name); err == nil || !strings.Contains(err.Error(), name+": is not a folder") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	want(t, "f", "old")
	if info, err := os.Stat(os.DevNull); err != nil || info.Mode()&os.ModeDevice == 0 {
		t.Errorf("%s is %v", os.DevNull, info)
	}
}

func TestBentFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	fill(t, ".", map[string]string{"a/": "", "b/k": "old", "l": "> a"})
	d, err := CreateFolder("l")
	must(t, err)
	fill(t, d.Path(), map[string]string{"n": "new"})
	must(t, os.Remove("l"))
	must(t, os.Symlink("b", "l"))
	if err := d.Replace(); !errors.Is(err, errMoved) {
		t.Errorf("got %v", err)
	}
	sameTree(t, ".", map[string]string{"a/": "", "b/": "", "b/k": "old", "l": "> b"})
}

// A folder that is there gets the permissions and the time of the new one, as
// its files do, and folders that are not writable are no hindrance.
func TestFolderModes(t *testing.T) {
	t.Chdir(t.TempDir())
	when := time.Unix(1600000000, 0)
	for range 2 {
		d, err := CreateFolder("out")
		must(t, err)
		for _, name := range []string{"s", "s/t"} {
			must(t, os.Mkdir(filepath.Join(d.Path(), name), 0o755))
		}
		putFile(t, filepath.Join(d.Path(), "s/t/f"), "new")
		for _, name := range []string{"s/t/f", "s/t", "s"} {
			path := filepath.Join(d.Path(), name)
			must(t, os.Chmod(path, 0o555))
			must(t, os.Chtimes(path, when, when))
		}
		must(t, d.Replace())
		for _, name := range []string{"s/t/f", "s/t", "s"} {
			info, err := os.Stat(filepath.Join("out", name))
			must(t, err)
			if info.Mode().Perm() != 0o555 || !info.ModTime().Equal(when) {
				t.Errorf("%s: %v, %v", name, info.Mode(), info.ModTime())
			}
		}
	}
	for _, name := range []string{"out/s", "out/s/t"} {
		must(t, os.Chmod(name, 0o755))
	}
}
