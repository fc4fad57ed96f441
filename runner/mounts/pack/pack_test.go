//go:build linux

package pack

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

func write(t *testing.T, dir, name, content string, mode fs.FileMode) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), mode), os.Chmod(path, mode)); err != nil {
		t.Fatal(err)
	}
}

func sample(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "a/b/file", "content", 0o640)
	write(t, dir, "tool", "#!", 0o755)
	old := time.Unix(1_500_000_000, 123_456_789)
	if err := errors.Join(
		os.Link(filepath.Join(dir, "tool"), filepath.Join(dir, "again")),
		os.Symlink("/usr/bin/python3", filepath.Join(dir, "a", "python")),
		os.Mkdir(filepath.Join(dir, "read-only"), 0o500),
		os.Chtimes(filepath.Join(dir, "tool"), old, old),
	); err != nil {
		t.Fatal(err)
	}
	return dir
}

func saved(t *testing.T, opt SaveOptions) ([]byte, *Status) {
	t.Helper()
	var out bytes.Buffer
	s, err := Save(&out, opt)
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), s
}

func restored(archive []byte, word string, opt RestoreOptions) (*Status, error) {
	opt.Size = int64(len(archive))
	return Restore(io.MultiReader(bytes.NewReader(archive), strings.NewReader(word)), func(Status) error { return nil }, opt)
}

// What was saved comes back as it was: to the builder it is the same content.
func TestRoundTrip(t *testing.T) {
	from, to := sample(t), t.TempDir()
	archive, s := saved(t, SaveOptions{Dir: from})
	if s.State != Packed || s.Files != 3 || s.Size != int64(len(archive)) {
		t.Fatalf("saved: %+v", s)
	}
	r, err := restored(archive, Commit, RestoreOptions{Dir: to})
	if err != nil || r.State != Restored {
		t.Fatalf("restored: %+v, %v", r, err)
	}
	if _, again := saved(t, SaveOptions{Dir: to, Known: s.Sums}); again.State != Same {
		t.Errorf("what was restored is %s, want %s", again.State, Same)
	}
	a, b := mustScan(t, from), mustScan(t, to)
	if a.meta() != b.meta() {
		t.Error("modes, owners or times differ")
	}
	if left, _ := filepath.Glob(filepath.Join(to, aside+"*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func mustScan(t *testing.T, dir string) *tree {
	t.Helper()
	s, err := scan(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSave(t *testing.T) {
	dir := sample(t)
	_, first := saved(t, SaveOptions{Dir: dir})
	now := time.Now()
	if err := os.Chtimes(filepath.Join(dir, "tool"), now, now); err != nil {
		t.Fatal(err)
	}
	if archive, s := saved(t, SaveOptions{Dir: dir, Known: first.Sums}); s.State != Same || len(archive) > 0 {
		t.Errorf("other times: %s with %d bytes, want %s", s.State, len(archive), Same)
	}
	if archive, s := saved(t, SaveOptions{Dir: dir, Limit: 3}); s.State != Large || len(archive) > 0 || s.Bytes != 11 {
		t.Errorf("over the limit: %+v with %d bytes", s, len(archive))
	}
	huge := t.TempDir()
	write(t, huge, "image", "", 0o644)
	if err := os.Truncate(filepath.Join(huge, "image"), 50e9); err != nil {
		t.Fatal(err)
	}
	// It is known by its size, and not read.
	if archive, s := saved(t, SaveOptions{Dir: huge, Limit: 5e9}); s.State != Large || len(archive) > 0 || s.Bytes != 50e9 {
		t.Errorf("50 GB: %+v with %d bytes", s, len(archive))
	}
	if _, s := saved(t, SaveOptions{Dir: t.TempDir()}); s.State != Cold {
		t.Errorf("an empty mount: %s", s.State)
	}
	write(t, dir, "tool", "#?", 0o755)
	if _, s := saved(t, SaveOptions{Dir: dir, Known: first.Sums}); s.State != Packed {
		t.Errorf("other content of one size: %s", s.State)
	}
}

// growing writes to a file while the archive is written.
type growing struct {
	bytes.Buffer
	path string
}

func (g *growing) Write(p []byte) (int, error) {
	err := os.WriteFile(g.path, []byte(time.Now().String()), 0o644)
	return len(p), err
}

func TestSaveBusy(t *testing.T) {
	dir := sample(t)
	s, err := Save(&growing{path: filepath.Join(dir, "tool")}, SaveOptions{Dir: dir})
	if err != nil || s.State != Busy {
		t.Errorf("%+v, %v, want %s", s, err, Busy)
	}
}

// A mount with other content than it began with is left alone.
func TestWarm(t *testing.T) {
	archive, s := saved(t, SaveOptions{Dir: sample(t)})
	to := t.TempDir()
	write(t, to, "mine", "", 0o644)
	r, err := restored(archive, Commit, RestoreOptions{Dir: to})
	if err != nil || r.State != Warm {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := restored(archive, Commit, RestoreOptions{Dir: t.TempDir(), BaseSum: "another"}); err != nil || r.State != OtherBase {
		t.Errorf("another base: %+v, %v", r, err)
	}
	_ = s
}

// A mount that begins with files is cold as long as it has these and no others,
// and what is restored takes their place.
func TestBase(t *testing.T) {
	base, from, to := t.TempDir(), t.TempDir(), t.TempDir()
	old := time.Unix(1_600_000_000, 0)
	for _, dir := range []string{base, from, to} {
		write(t, dir, "seed", "seed", 0o644)
		if err := os.Chtimes(filepath.Join(dir, "seed"), old, old); err != nil {
			t.Fatal(err)
		}
	}
	if _, s := saved(t, SaveOptions{Dir: from, Base: base}); s.State != Cold {
		t.Errorf("nothing but the base: %s", s.State)
	}
	write(t, from, "more", "more", 0o644)
	if err := os.Remove(filepath.Join(from, "seed")); err != nil {
		t.Fatal(err)
	}
	archive, s := saved(t, SaveOptions{Dir: from, Base: base})
	r, err := restored(archive, Commit, RestoreOptions{Dir: to, Base: base, BaseSum: s.Sums.Base})
	if err != nil || r.State != Restored {
		t.Fatalf("%+v, %v", r, err)
	}
	if mustScan(t, to).meta() != mustScan(t, from).meta() {
		t.Error("the base is still there")
	}
}

// What a step of another run writes while a mount is filled stays, and so does what
// was restored beside it.
func TestMoveBesideOthers(t *testing.T) {
	dir, from := t.TempDir(), aside+"test"
	for _, name := range []string{"same", "new", "d"} {
		write(t, filepath.Join(dir, from), name, "restored", 0o644)
	}
	write(t, dir, "same", "written", 0o644)
	write(t, dir, "other", "written", 0o644)
	write(t, filepath.Join(dir, "d"), "file", "written", 0o644)
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := new(unpacker).move(root, from, &tree{}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"same": "written", "other": "written", "d/file": "written", "new": "restored"} {
		if data, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(data) != want {
			t.Errorf("%s: %q (%v), want %q", name, data, err, want)
		}
	}
}

// What a killed process has left in a mount is removed, also from one that is warm.
func TestRemoveStale(t *testing.T) {
	dir := sample(t)
	for name, age := range map[string]time.Duration{"old": 2 * stale, "young": 0} {
		write(t, filepath.Join(dir, aside+name), "file", "x", 0o644)
		at := time.Now().Add(-age)
		if err := os.Chtimes(filepath.Join(dir, aside+name), at, at); err != nil {
			t.Fatal(err)
		}
	}
	if s, err := restored(nil, "", RestoreOptions{Dir: dir}); err != nil || s.State != Warm {
		t.Fatalf("%+v, %v", s, err)
	}
	if _, err := os.Stat(filepath.Join(dir, aside+"old")); !os.IsNotExist(err) {
		t.Errorf("the old one is still there (%v)", err)
	}
	if _, err := os.Stat(filepath.Join(dir, aside+"young")); err != nil {
		t.Errorf("the one that is in use is gone: %v", err)
	}
}

// An archive that did not arrive whole leaves nothing behind.
func TestNotWhole(t *testing.T) {
	archive, _ := saved(t, SaveOptions{Dir: sample(t)})
	flipped := bytes.Clone(archive)
	flipped[len(flipped)/2] ^= 1
	for name, r := range map[string]io.Reader{
		"truncated":  bytes.NewReader(archive[:len(archive)/2]),
		"no word":    bytes.NewReader(archive),
		"other word": io.MultiReader(bytes.NewReader(archive), strings.NewReader("comnit\n")),
		"damaged":    io.MultiReader(bytes.NewReader(flipped), strings.NewReader(Commit)),
	} {
		to := t.TempDir()
		s, err := Restore(r, func(Status) error { return nil }, RestoreOptions{Dir: to, Size: int64(len(archive))})
		if err == nil {
			t.Errorf("%s: %+v", name, s)
		}
		if entries, _ := os.ReadDir(to); len(entries) > 0 {
			t.Errorf("%s: left %v", name, entries)
		}
	}
}

func archiveOf(t *testing.T, headers ...tar.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	z, err := zstd.NewWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(z)
	for _, h := range headers {
		content := ""
		if h.Typeflag == tar.TypeReg {
			content = "evil"
		}
		h.Size, h.Mode, h.Uid, h.Gid = int64(len(content)), 0o777, os.Geteuid(), os.Getegid()
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, content)
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// Nothing leaves the mount, whatever an archive says, and nothing of a bad one
// stays.
func TestHostile(t *testing.T) {
	outside := t.TempDir()
	write(t, outside, "victim", "good", 0o644)
	link := tar.Header{Typeflag: tar.TypeSymlink, Name: "l", Linkname: outside}
	dir := tar.Header{Typeflag: tar.TypeDir, Name: "d/"}
	for i, headers := range [][]tar.Header{
		{{Typeflag: tar.TypeReg, Name: filepath.Join(outside, "x")}},
		{{Typeflag: tar.TypeReg, Name: "../x"}},
		{dir, {Typeflag: tar.TypeReg, Name: "d/../../x"}},
		{{Typeflag: tar.TypeReg, Name: ".."}},
		{link, {Typeflag: tar.TypeReg, Name: "l/victim"}},
		{link, {Typeflag: tar.TypeReg, Name: "l"}},
		{link, {Typeflag: tar.TypeDir, Name: "l/"}},
		{dir, {Typeflag: tar.TypeSymlink, Name: "d/l", Linkname: "../.."}, {Typeflag: tar.TypeReg, Name: "d/l/x"}},
		{{Typeflag: tar.TypeLink, Name: "h", Linkname: filepath.Join(outside, "victim")}},
		{{Typeflag: tar.TypeLink, Name: "h", Linkname: "../victim"}},
		{link, {Typeflag: tar.TypeLink, Name: "h", Linkname: "l/victim"}},
		{{Typeflag: tar.TypeChar, Name: "null", Devmajor: 1, Devminor: 3}},
		{{Typeflag: tar.TypeBlock, Name: "disk", Devmajor: 8}},
		{{Typeflag: tar.TypeFifo, Name: "pipe"}},
		{{Typeflag: tar.TypeReg, Name: "nowhere/x"}},
		{{Typeflag: tar.TypeReg, Name: "x"}, {Typeflag: tar.TypeReg, Name: "./x"}},
		{dir, {Typeflag: tar.TypeSymlink, Name: "d", Linkname: outside}},
		{{Typeflag: tar.TypeReg, Name: aside + "x"}},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			to := t.TempDir()
			if s, err := restored(archiveOf(t, headers...), Commit, RestoreOptions{Dir: to}); err == nil {
				t.Errorf("taken: %+v", s)
			}
			if entries, _ := os.ReadDir(to); len(entries) > 0 {
				t.Errorf("left: %v", entries)
			}
		})
	}
	data, err := os.ReadFile(filepath.Join(outside, "victim"))
	if entries, _ := os.ReadDir(outside); err != nil || string(data) != "good" || len(entries) != 1 {
		t.Errorf("something was written outside: %q, %v, %v", data, entries, err)
	}
}

// More than the limit is not unpacked, whatever the other side believes.
func TestRestoreLimit(t *testing.T) {
	archive, _ := saved(t, SaveOptions{Dir: sample(t)})
	to := t.TempDir()
	if s, err := restored(archive, Commit, RestoreOptions{Dir: to, Limit: 3}); err == nil {
		t.Errorf("%+v", s)
	}
	if entries, _ := os.ReadDir(to); len(entries) > 0 {
		t.Errorf("left: %v", entries)
	}
}
