package skip

import (
	"os"
	"path/filepath"
	"testing"
)

// TestFolderSum wants another sum of a folder for whatever changes in it.
func TestFolderSum(t *testing.T) {
	dir := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	must(os.MkdirAll(at("a/b"), 0o755))
	must(os.WriteFile(at("a/f"), []byte("f"), 0o644))
	must(os.Symlink("f", at("a/l")))
	out := Output{Kind: "local", Dest: dir, Folder: true}
	seen := map[string]string{}
	check := func(what string) {
		t.Helper()
		sum, err := out.sum()
		must(err)
		if before, ok := seen[sum]; ok {
			t.Errorf("%s: the sum is that of %s", what, before)
		}
		seen[sum] = what
	}
	check("the beginning")
	must(os.WriteFile(at("a/f"), []byte("g"), 0o644))
	check("other content")
	must(os.Chmod(at("a/f"), 0o755))
	check("another mode")
	must(os.Remove(at("a/l")))
	must(os.Symlink("b", at("a/l")))
	check("another link")
	must(os.Mkdir(at("a/c"), 0o755))
	check("a new folder")
	must(os.Rename(at("a/f"), at("a/c/f")))
	check("a file elsewhere")
	out.Dest = at("none")
	if _, err := out.sum(); !os.IsNotExist(err) {
		t.Errorf("a folder that is not there: %v", err)
	}
}

// TestDiffers names the file by which two outputs differ.
func TestDiffers(t *testing.T) {
	files := func(list map[string]string) Image { return Image{"": Content{Files: list}} }
	for _, tt := range []struct {
		a, b map[string]string
		want string
	}{
		{map[string]string{"f": "1"}, map[string]string{"f": "1"}, ""},
		{map[string]string{"f": "1"}, map[string]string{"f": "2"}, "f is another one"},
		{map[string]string{"f": "1"}, map[string]string{}, "f is not there"},
		{map[string]string{}, map[string]string{"f": "1"}, "f was not there before"},
	} {
		if class, got := files(tt.a).Differs(files(tt.b)); got != tt.want || (class == "files") != (tt.want != "") {
			t.Errorf("%v, %v: %q, %q", tt.a, tt.b, class, got)
		}
	}
}
