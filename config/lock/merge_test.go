package lock

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/orch-build/orch/internal/need"
)

// merged is what git makes of the locks of two people that began with the same one, and
// whether it has merged them without a conflict.
func merged(t *testing.T, attributes string, base, ours, theirs *Lock) (text []byte, clean bool) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		need.Missing(t, "git")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, FileName)
	run := func(args ...string) error {
		cmd := exec.Command("git", append([]string{"-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)...)
		cmd.Dir = dir
		return cmd.Run()
	}
	git := func(args ...string) {
		if err := run(args...); err != nil {
			t.Fatalf("git %s: %v", strings.Join(args, " "), err)
		}
	}
	commit := func(l *Lock) {
		if err := os.WriteFile(file, l.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		git("commit", "-qam", "a lock")
	}
	if err := os.WriteFile(filepath.Join(dir, ".gitattributes"), []byte(attributes), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	git("init", "-q", "-b", "ours")
	git("add", ".")
	commit(base)
	git("checkout", "-q", "-b", "theirs")
	commit(theirs)
	git("checkout", "-q", "ours")
	commit(ours)
	clean = run("merge", "-q", "theirs", "-m", "both") == nil
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text, clean
}

// of is a lock of images, which are named by a letter and its digest by another.
func of(pairs ...string) *Lock {
	l := New(FileName)
	for _, p := range pairs {
		name, digest := p[:1], p[1:2]
		sum := "sha256:" + strings.Repeat(digest, 64)
		l.Put(Entry{
			Key: Key{Image, "example.com/" + name + ":1"}, Digest: sum, Platforms: map[string]string{"linux/amd64": sum},
			Resolved: time.Unix(0, 0).Add(time.Duration(digest[0]) * time.Hour), UsedBy: []string{"app (Dockerfile)"},
		})
	}
	return l
}

// TestMerge has git merge the locks of two people: what is changed in other entries is
// merged, and of the same place no lock with mixed entries comes out.
func TestMerge(t *testing.T) {
	for name, c := range map[string]struct {
		base, ours, theirs, want *Lock // no want is a conflict
	}{
		"added in two places":  {of("ba", "da"), of("aa", "ba", "da"), of("ba", "ca", "da"), of("aa", "ba", "ca", "da")},
		"added and moved":      {of("ba", "da"), of("ba", "db"), of("aa", "ba", "da"), of("aa", "ba", "db")},
		"two moved":            {of("ba", "da"), of("bb", "da"), of("ba", "dc"), of("bb", "dc")},
		"one gone, one moved":  {of("aa", "ba", "ca", "da"), of("ba", "ca", "da"), of("aa", "ba", "ca", "db"), of("ba", "ca", "db")},
		"added side by side":   {of("aa", "da"), of("aa", "bb", "da"), of("aa", "cc", "da"), nil},
		"the same, other ones": {of("aa"), of("ab"), of("ac"), nil},
	} {
		text, clean := merged(t, "", c.base, c.ours, c.theirs)
		got, diags := Parse(FileName, text)
		switch {
		case c.want == nil:
			if clean || !diags.HasErrors() || diags[0].Summary != "Merge conflict in the lock" {
				t.Errorf("%s: clean %t, %v\n%s", name, clean, diags, text)
			}
		case !clean || got == nil || string(got.Bytes()) != string(c.want.Bytes()) || string(text) != string(c.want.Bytes()):
			t.Errorf("%s: clean %t, %v\n%s", name, clean, diags, text)
		}
		if c.want != nil {
			continue
		}
		union, _ := merged(t, FileName+" merge=union\n", c.base, c.ours, c.theirs)
		if got, diags := Parse(FileName, union); !diags.HasErrors() && !mixesNothing(got, c.ours, c.theirs) {
			t.Errorf("%s: a union has mixed entries:\n%s", name, union)
		}
	}
}

// mixesNothing says whether each entry is as one of the two sides has it.
func mixesNothing(l *Lock, sides ...*Lock) bool {
	for _, e := range l.Entries() {
		ok := false
		for _, side := range sides {
			has := side.Get(e.Kind, e.Name)
			ok = ok || has != nil && has.Digest == e.Digest && has.Platforms["linux/amd64"] == e.Platforms["linux/amd64"]
		}
		if !ok {
			return false
		}
	}
	return true
}
