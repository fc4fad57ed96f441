package since

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orch-build/orch/planner/explain"
)

// repo is a repository with a Dockerfile and two files, and what was compared with.
type repo struct {
	t    *testing.T
	dir  string
	base string
}

const dockerfile = "FROM scratch\nRUN a && \\\n    b && \\\n    c\nENV X=1\nCMD run\n"

func newRepo(t *testing.T) *repo {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git")
	}
	r := &repo{t: t, dir: t.TempDir()}
	r.git("init", "-q", "-b", "main")
	r.write("Dockerfile", dockerfile)
	r.write("f", "one\n")
	r.commit("first")
	r.base = strings.TrimSpace(r.git("rev-parse", "HEAD"))
	return r
}

func (r *repo) git(args ...string) string {
	r.t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "core.fileMode=true"}, args...)...)
	cmd.Dir = r.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return string(out)
}

func (r *repo) write(name, text string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

func (r *repo) chmod(name string, mode os.FileMode) {
	r.t.Helper()
	if err := os.Chmod(filepath.Join(r.dir, name), mode); err != nil {
		r.t.Fatal(err)
	}
}

func (r *repo) commit(subject string) {
	r.t.Helper()
	r.git("add", "-A")
	r.git("commit", "-q", "-m", subject)
}

// edit replaces a text of the Dockerfile, and commits that.
func (r *repo) edit(old, with, subject string) {
	r.t.Helper()
	data, err := os.ReadFile(filepath.Join(r.dir, "Dockerfile"))
	if err != nil || !strings.Contains(string(data), old) {
		r.t.Fatalf("no %q in the Dockerfile: %v", old, err)
	}
	r.write("Dockerfile", strings.Replace(string(data), old, with, 1))
	if subject != "" {
		r.commit(subject)
	}
}

// TestSince says for each change which commit it is put down to; "" is none, and
// "not committed" one that is not there yet.
func TestSince(t *testing.T) {
	const open = "not committed"
	file := explain.Cause{Kind: explain.File, Name: "f", Old: "x", New: "y"}
	mode := explain.Cause{Kind: explain.File, Name: "f", Old: "-rw-r--r--", New: "-rwxr-xr-x", Stat: "mode -rw-r--r-- → -rwxr-xr-x"}
	for name, test := range map[string]struct {
		change func(*repo)
		ask    func(*lookup) *explain.Commit
		want   string
	}{
		"first line of an instruction": {func(r *repo) { r.edit("RUN a", "RUN aa", "aa"); r.edit("CMD run", "CMD it", "cmd") }, instruction(2, 4), "aa"},
		"later line of an instruction": {func(r *repo) { r.edit("    c", "    cc", "cc"); r.edit("CMD run", "CMD it", "cmd") }, instruction(2, 4), "cc"},
		"line taken out of one":        {func(r *repo) { r.edit("    b && \\\n", "", "no b"); r.edit("CMD run", "CMD it", "cmd") }, instruction(2, 3), "no b"},
		"the first of two changes":     {func(r *repo) { r.edit("    c", "    cc", "cc"); r.edit("    b", "    bb", "bb") }, instruction(2, 4), "cc"},
		"not committed":                {func(r *repo) { r.edit("CMD run", "CMD it", "cmd"); r.edit("    c", "    cc", "") }, instruction(2, 4), open},
		"taken out and not committed":  {func(r *repo) { r.edit("    b && \\\n", "", "") }, instruction(2, 3), open},
		"other lines not committed": {func(r *repo) {
			r.edit("    c", "    cc", "cc")
			r.edit("FROM scratch\n", "# x\n# y\nFROM scratch\n", "")
		}, instruction(4, 6), "cc"},
		"an instruction that went": {func(r *repo) {
			r.edit("CMD run", "CMD it", "cmd")
			r.edit("ENV X=1\n", "", "no env")
			r.edit("CMD it", "CMD he", "cmd 2")
		},
			func(l *lookup) *explain.Commit { return l.gone("Dockerfile", 5) }, "no env"},
		"one that went and is not committed": {func(r *repo) { r.edit("CMD run", "CMD it", "cmd"); r.edit("ENV X=1\n", "", "") },
			func(l *lookup) *explain.Commit { return l.gone("Dockerfile", 5) }, open},
		"a file":                    {func(r *repo) { r.write("f", "two\n"); r.commit("two"); r.write("g", ""); r.commit("g") }, cause(file), "two"},
		"a file as it was before":   {func(r *repo) { r.write("g", ""); r.commit("g") }, cause(file), ""},
		"a mode":                    {func(r *repo) { r.chmod("f", 0o755); r.commit("x") }, cause(mode), "x"},
		"a mode, and content":       {func(r *repo) { r.write("f", "two\n"); r.commit("two"); r.chmod("f", 0o755); r.commit("x") }, cause(mode), "x"},
		"a mode, not committed":     {func(r *repo) { r.write("f", "two\n"); r.commit("two"); r.chmod("f", 0o755) }, cause(mode), open},
		"a mode that git keeps not": {func(r *repo) { r.chmod("f", 0o600) }, cause(mode), ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRepo(t)
			test.change(r)
			l := &lookup{ctx: context.Background(), dir: r.dir, against: explain.Against{Commit: r.base}, done: map[string]*explain.Commit{}}
			got := ""
			if c := test.ask(l); c != nil {
				if got = c.Subject; c.ID == "" {
					got = open
				}
			}
			if got != test.want {
				t.Errorf("since %q, want %q", got, test.want)
			}
		})
	}
}

func instruction(from, to int) func(*lookup) *explain.Commit {
	return func(l *lookup) *explain.Commit { return l.instruction("Dockerfile", from, to) }
}

func cause(c explain.Cause) func(*lookup) *explain.Commit {
	return func(l *lookup) *explain.Commit {
		l.complete([]*explain.Cause{&c})
		return c.Since
	}
}

// What a file of a commit has in bytes is known only to git: a digest is made of
// the names of blobs.
func TestSizesOfCommit(t *testing.T) {
	r := newRepo(t)
	r.write("f", "one\ntwo\n")
	r.write("bin", "\x00\x01")
	r.git("add", "bin")
	for name, test := range map[string]struct {
		cause explain.Cause
		want  string
	}{
		"changed": {explain.Cause{Name: "f", Old: "a", New: "b", Stat: "40B, as long as before"}, "+1 -0 lines, 4B → 8B"},
		"new":     {explain.Cause{Name: "bin", New: "b", Stat: "new, 40B"}, "new, 2B"},
		"removed": {explain.Cause{Name: "f", Old: "a", Stat: "removed"}, "removed"},
	} {
		t.Run(name, func(t *testing.T) {
			c := test.cause
			c.Kind = explain.File
			l := &lookup{ctx: context.Background(), dir: r.dir, against: explain.Against{Kind: "ref", Commit: r.base}, done: map[string]*explain.Commit{}}
			l.complete([]*explain.Cause{&c})
			if c.Stat != test.want {
				t.Errorf("got %q, want %q", c.Stat, test.want)
			}
		})
	}
}
