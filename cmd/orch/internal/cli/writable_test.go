package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWritable(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	for name, to := range map[string]string{
		"one": "two", "two": "one", "away": "none/file", "new": "none-yet", "device": os.DevNull, "again": "new", "folder": ".",
	} {
		if err := os.Symlink(to, in(name)); err != nil {
			t.Skip(err) // a user of Windows may not have the right
		}
	}
	for path, want := range map[string]string{
		"":                "",
		in("file"):        "",
		in("new"):         "",
		in("again"):       "",
		in("device"):      "",
		in("folder/file"): "",
		"-":               "--result: - is no file; write /dev/stdout",
		in("none/file"):   "does not exist, or is not a folder",
		in("one"):         "is a link that leads back to itself",
		in("one/file"):    "does not exist, or is not a folder",
		in("away"):        "is a link to " + in("none/file") + ", whose folder does not exist",
		in("folder"):      "is a folder; name a file",
	} {
		err := Writable([][2]string{{"--junit", ""}, {"--result", path}})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}
