//go:build linux

package e2e

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// writer is a way to have orch write to a file.
type writer struct {
	name string
	args func(dest string) []string
}

// writers are all that orch has: a test of cmd/orch holds the list to the flags
// that there are.
func writers(t *testing.T) []writer {
	t.Helper()
	data, err := os.ReadFile("../cmd/orch/testdata/fileflags.txt")
	if err != nil {
		t.Fatal(err)
	}
	build := []string{"bake", "--progress", "quiet", "a"}
	exporter := func(kind string) writer {
		return writer{"bake -o type=" + kind, func(dest string) []string {
			return append(build[:len(build):len(build)], "-o", "type="+kind+",dest="+dest)
		}}
	}
	out := []writer{
		exporter("tar"), exporter("oci"), exporter("docker"),
		{"fmt", func(dest string) []string { return []string{"fmt", dest} }},
		{"bake --check --metadata-file", func(dest string) []string {
			return append(build[:len(build):len(build)], "--check", "--metadata-file", dest)
		}},
	}
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if f[len(f)-1] != "writes" || line[0] == '#' {
			continue
		}
		name, flag := strings.Join(f[:len(f)-1], " "), f[len(f)-2]
		args := map[string][]string{
			"bake": append(build[:len(build):len(build)], "-o", "type=cacheonly"),
			"plan": {"plan", "a"},
			"init": {"init", "--force", "Dockerfile"},
			// TestEveryWriter has made this result.
			"merge":  {"merge", "shard.json"},
			"ci":     {"ci", "init", "github", "--force", "a"},
			"report": {"report"},
			"runs":   {"runs", "export"},
		}[f[0]]
		switch {
		case name == "bake --output", name == "bundle --output", name == "bundle pull --output", name == "repro --keep", name == "man --output": // folders, or either
		case name == "lock --lock": // reads the file first, which has to be a lock
		case args == nil:
			t.Errorf("%s writes: say here how to call it", name)
		default:
			out = append(out, writer{name, func(dest string) []string { return append(args[:len(args):len(args)], flag, dest) }})
		}
	}
	return out
}

const unformatted = "target \"b\" {\ndockerfile=\"x\"\n}\n"

// TestEveryWriter has everything that orch writes go to files that are not what
// they seem: none is replaced.
func TestEveryWriter(t *testing.T) {
	all := writers(t)
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"f": "x", "Dockerfile": "FROM scratch\nCOPY f /x\n", "build.hcl": "target \"a\" {}\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{
		{"plan", "--shards", "1", "a", "-o", "shards.json"}, {"bake", "--progress", "quiet", "--shard", "1/1", "--result", "shard.json"},
	} {
		if out, err := runOrch(".", args...).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	for _, w := range all {
		t.Run(w.name, func(t *testing.T) {
			for _, check := range []func(*testing.T, writer){writesLinks, writesFIFO, writesDescriptors, writesDevices} {
				check(t, w)
			}
		})
	}
}

// run runs orch and fails the test if orch does.
func (w writer) run(t *testing.T, dest string, prepare func(*exec.Cmd)) {
	t.Helper()
	cmd := exec.Command(filepath.Join(shared.bin, "orch"), w.args(dest)...)
	cmd.Env = append(os.Environ(), "ORCH_STATE_DIR="+shared.state)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if prepare != nil {
		prepare(cmd)
	}
	if err := cmd.Run(); err != nil {
		t.Errorf("to %s: %v\n%s", dest, err, errs.String())
	}
}

// writesLinks checks files with more than one name.
func writesLinks(t *testing.T, w writer) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"file.hcl", "goal.hcl", "hard.hcl", "gone.hcl"} {
		if err := os.WriteFile(path(name), []byte(unformatted), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range map[string]string{"link.hcl": "goal.hcl", "dangling.hcl": "new.hcl"} {
		if err := os.Symlink(to, path(name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Link(path("hard.hcl"), path("other.hcl")); err != nil {
		t.Fatal(err)
	}
	goals := map[string]string{"file.hcl": "file.hcl", "link.hcl": "goal.hcl", "hard.hcl": "other.hcl", "dangling.hcl": "new.hcl"}
	if w.name == "fmt" { // formats what is there
		delete(goals, "dangling.hcl")
	}
	for name, goal := range goals {
		before, _ := os.Lstat(path(name))
		w.run(t, path(name), nil)
		if data, err := os.ReadFile(path(goal)); err != nil || len(data) == 0 || string(data) == unformatted {
			t.Errorf("%s: %s has %q (%v)", name, goal, data, err)
		}
		after, err := os.Lstat(path(name))
		if err != nil || after.Mode() != before.Mode() {
			t.Errorf("%s was %v and is %v (%v)", name, before.Mode(), after.Mode(), err)
		}
	}
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			t.Errorf("%s is left", e.Name())
		}
	}
}

func writesFIFO(t *testing.T, w writer) {
	if w.name == "fmt" {
		return
	}
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	got := make(chan []byte)
	go func() {
		data, _ := os.ReadFile(fifo)
		got <- data
	}()
	w.run(t, fifo, nil)
	if data := <-got; len(data) == 0 {
		t.Error("nothing came out of the FIFO")
	}
}

func writesDescriptors(t *testing.T, w writer) {
	if w.name == "fmt" {
		return
	}
	for _, dest := range []string{"/dev/fd/3", "/proc/self/fd/3"} {
		r, out, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		got := make(chan []byte)
		go func() {
			data, _ := io.ReadAll(r)
			got <- data
		}()
		w.run(t, dest, func(cmd *exec.Cmd) { cmd.ExtraFiles = []*os.File{out} })
		out.Close()
		if data := <-got; len(data) == 0 {
			t.Errorf("nothing came through %s", dest)
		}
	}
}

// writesDevices checks /dev/null and /dev/stdout, as copies in mounts of their
// own: these are what root would destroy.
func writesDevices(t *testing.T, w writer) {
	if os.Geteuid() != 0 || w.name == "fmt" {
		return
	}
	const script = `set -e
mount --make-rprivate /; mount -t tmpfs t /dev
mknod -m 666 /dev/null c 1 3; mknod -m 666 /dev/urandom c 1 9
ln -s /proc/self/fd /dev/fd; ln -s /proc/self/fd/1 /dev/stdout
"$@" >out; stat -c %F /dev/null /dev/stdout >&2; wc -c <out >&2`
	for _, dest := range []string{"/dev/null", "/dev/stdout"} {
		args := append([]string{"-m", "sh", "-c", script, "sh", filepath.Join(shared.bin, "orch")}, w.args(dest)...)
		cmd := exec.Command("unshare", args...)
		cmd.Env = append(os.Environ(), "ORCH_STATE_DIR="+shared.state)
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "character special file\nsymbolic link\n") {
			t.Errorf("to %s: %v\n%s", dest, err, out)
		}
		var size int
		lines := strings.Fields(string(out))
		if _, err := fmt.Sscan(lines[len(lines)-1], &size); err != nil || size == 0 && dest == "/dev/stdout" {
			t.Errorf("to %s: %d bytes (%v)", dest, size, err)
		}
	}
}
