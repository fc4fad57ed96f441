//go:build linux

package pack

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const day = 24 * time.Hour

// aged is a mount with files that were last used, and written, so many days ago.
func aged(t *testing.T, days map[string][2]int) string {
	t.Helper()
	dir := t.TempDir()
	for name, ago := range days {
		write(t, dir, name, "content", 0o644)
		used, written := time.Now().Add(-time.Duration(ago[0])*day), time.Now().Add(-time.Duration(ago[1])*day)
		if err := os.Chtimes(filepath.Join(dir, name), used, written); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// after is a time after all changes of the files, as that of a restore.
func after() time.Time { return time.Now().Add(time.Hour) }

// names are those that an archive puts into an empty mount, and the mount.
func names(t *testing.T, archive []byte) (string, string) {
	t.Helper()
	to := t.TempDir()
	if s, err := restored(archive, Commit, RestoreOptions{Dir: to}); err != nil || s.State != Restored {
		t.Fatalf("%+v, %v", s, err)
	}
	var out []string
	for _, e := range mustScan(t, to).below() {
		out = append(out, e.name)
	}
	return strings.Join(out, " "), to
}

// What nothing has used for long is left out, with the links to it and the folders
// that hold nothing else.
func TestPrune(t *testing.T) {
	dir := aged(t, map[string][2]int{
		"00/old": {20, 30}, "00/deep/old": {20, 30}, "01/old": {20, 30},
		"01/read": {1, 30}, "01/written": {30, 1}, "tool": {20, 30},
	})
	if err := errors.Join(
		os.Mkdir(filepath.Join(dir, "empty"), 0o755),
		os.Mkdir(filepath.Join(dir, "links"), 0o755),
		os.Symlink("../00/deep", filepath.Join(dir, "links", "folder")),
		os.Symlink("folder", filepath.Join(dir, "links", "chain")),
		os.Symlink("01/read", filepath.Join(dir, "stays")),
		os.Symlink("/usr/bin/python3", filepath.Join(dir, "away")),
		os.Link(filepath.Join(dir, "tool"), filepath.Join(dir, "01", "tool")),
	); err != nil {
		t.Fatal(err)
	}
	opt := SaveOptions{Dir: dir, Unused: 14 * day, Since: after()}
	archive, s := saved(t, opt)
	if s.State != Packed || s.Files != 2 || s.Unused != 5 || s.Bytes != 14 {
		t.Errorf("saved: %+v", s)
	}
	got, to := names(t, archive)
	if want := "01 01/read 01/written away empty stays"; got != want {
		t.Errorf("kept %q, want %q", got, want)
	}

	// It is the same content for later runs: here, and where it was restored.
	opt.Known = s.Sums
	if _, again := saved(t, opt); again.State != Same {
		t.Errorf("here it is %s", again.State)
	}
	if _, again := saved(t, SaveOptions{Dir: to, Known: s.Sums, Unused: 14 * day, Since: after()}); again.State != Same {
		t.Errorf("there it is %s", again.State)
	}

	// The time of the last use has come along, and saving is no use.
	st := mustStat(t, filepath.Join(to, "01", "read"))
	if ago := time.Since(time.Unix(st.Atim.Unix())).Round(day); ago != day {
		t.Errorf("last used %s ago, want a day", ago)
	}
	if _, later := saved(t, SaveOptions{Dir: to, Unused: time.Hour, Since: after()}); later.State != Packed || later.Files != 0 {
		t.Errorf("an hour: %+v", later)
	}
	// Files that came with old times are used when they came.
	if _, fresh := saved(t, SaveOptions{Dir: dir, Unused: 14 * day}); fresh.Unused != 0 {
		t.Errorf("left out %d that came today", fresh.Unused)
	}
}

func mustStat(t *testing.T, path string) *syscall.Stat_t {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t)
}

// A mount above the limit is kept without what was used least recently, if files
// may be left out at all.
func TestPruneToLimit(t *testing.T) {
	dir := aged(t, map[string][2]int{"a": {3, 9}, "b": {1, 9}, "c": {2, 9}, "d/e": {4, 9}})
	archive, s := saved(t, SaveOptions{Dir: dir, Limit: 15, Unused: 14 * day, Since: after()})
	if s.State != Packed || s.Unused != 2 || s.Bytes != 14 {
		t.Errorf("saved: %+v", s)
	}
	if got, _ := names(t, archive); got != "b c" {
		t.Errorf("kept %q", got)
	}
	if _, s := saved(t, SaveOptions{Dir: dir, Limit: 15}); s.State != Large {
		t.Errorf("without: %+v", s)
	}
}

// What a mount began with belongs to it, however old it is.
func TestPruneBase(t *testing.T) {
	base := aged(t, map[string][2]int{"seed/old": {50, 50}})
	dir := aged(t, map[string][2]int{"seed/old": {50, 50}, "seed/mine": {50, 50}, "new": {1, 1}})
	opt := SaveOptions{Dir: dir, Base: base, Unused: 14 * day, Since: after()}
	archive, s := saved(t, opt)
	if s.State != Packed || s.Unused != 1 {
		t.Errorf("saved: %+v", s)
	}
	if got, _ := names(t, archive); got != "new seed seed/old" {
		t.Errorf("kept %q", got)
	}
	opt.Limit = 3
	if _, s := saved(t, opt); s.State != Large {
		t.Errorf("more than the limit: %+v", s)
	}
}

// Without the attribute nothing is left out, and an archive says nothing of uses.
func TestNoPrune(t *testing.T) {
	dir := aged(t, map[string][2]int{"a": {50, 50}})
	first, s := saved(t, SaveOptions{Dir: dir})
	if s.Unused != 0 || s.Files != 1 {
		t.Errorf("saved: %+v", s)
	}
	if err := os.Chtimes(filepath.Join(dir, "a"), time.Now(), time.Time{}); err != nil {
		t.Fatal(err)
	}
	if second, _ := saved(t, SaveOptions{Dir: dir}); !bytes.Equal(first, second) {
		t.Error("the archive depends on when a file was read")
	}
}
