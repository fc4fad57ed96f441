//go:build linux

package print

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/orch-build/orch/planner/inputs"
	"github.com/orch-build/orch/planner/plannertest"
)

// within fails a test that hangs.
func within(t *testing.T, d time.Duration, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(d):
		t.Fatal("it hangs")
	}
}

func filesText(t *testing.T, p *plannertest.Sample) string {
	t.Helper()
	reads, diags := inputs.Read(samplePlan(t, p), inputs.Options{All: true})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	var b strings.Builder
	if err := Files(&b, reads); err != nil {
		t.Fatal(err)
	}
	for _, d := range diags {
		fmt.Fprintf(&b, "%s: %s\n", d.Summary, d.Detail)
	}
	return b.String()
}

// TestBadContexts has a context for each thing that can be wrong with one; the
// list of files has to say what it is.
func TestBadContexts(t *testing.T) {
	long := strings.Repeat("x", 255)
	for _, c := range []struct {
		name string
		make func(t *testing.T, p *plannertest.Sample)
		want []string
	}{
		{"loop of links", func(t *testing.T, p *plannertest.Sample) {
			p.Link(t, "loop2", "ctx/src/loop")
			p.Link(t, "loop", "ctx/src/loop2")
			p.Dockerfile = "FROM scratch\nCOPY src /\nCOPY src/loop /\n"
		}, []string{"src/loop -> loop2", "src/loop  in ", "fails the build"}},
		{"link to the folder above", func(t *testing.T, p *plannertest.Sample) {
			p.Link(t, "..", "ctx/src/up")
			p.Dockerfile = "FROM scratch\nCOPY src /\nCOPY src/up/other /\n"
		}, []string{"src/up -> ..", "other/file"}},
		{"link out of the context", func(t *testing.T, p *plannertest.Sample) {
			p.Link(t, "../../../../etc", "ctx/src/out")
			p.Link(t, "/etc/passwd", "ctx/passwd")
			p.Dockerfile = "FROM scratch\nCOPY src /\nCOPY passwd /\n"
		}, []string{"src/out -> ../../../../etc", "passwd  in ", "fails the build"}},
		{"line break in a name", func(t *testing.T, p *plannertest.Sample) { p.Write(t, "ctx/src/a\nb", "") }, []string{`"src/a\nb"`}},
		{"control character in a name", func(t *testing.T, p *plannertest.Sample) { p.Write(t, "ctx/src/a\x1b[31m", "") }, []string{`"src/a\x1b[31m"`}},
		{"no UTF-8 in a name", func(t *testing.T, p *plannertest.Sample) { p.Write(t, "ctx/src/a\xff", "") }, []string{`"src/a\xff"`, "Name is not UTF-8"}},
		{"long name", func(t *testing.T, p *plannertest.Sample) { p.Write(t, "ctx/src/"+long, "") }, []string{"src/" + long}},
		{"names that differ in case", func(t *testing.T, p *plannertest.Sample) {
			p.Write(t, "ctx/src/README", "")
			p.Write(t, "ctx/src/readme", "")
		}, []string{"src/README", "src/readme", "Names differ only in case"}},
		{"pipe", func(t *testing.T, p *plannertest.Sample) {
			if err := syscall.Mkfifo(filepath.Join(p.Dir, "ctx/src/p"), 0o644); err != nil {
				t.Fatal(err)
			}
		}, []string{"pipe  src/p"}},
		{"socket", func(t *testing.T, p *plannertest.Sample) {
			t.Chdir(filepath.Join(p.Dir, "ctx/src")) // the path of a socket must be short
			l, err := net.Listen("unix", "s")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
		}, []string{"socket  src/s"}},
		{"device", func(t *testing.T, p *plannertest.Sample) {
			if err := syscall.Mknod(filepath.Join(p.Dir, "ctx/src/d"), syscall.S_IFCHR|0o644, 1<<8|5); err != nil {
				t.Skip("only root may make devices")
			}
		}, []string{"device  src/d"}},
		{"context that is a link", func(t *testing.T, p *plannertest.Sample) {
			if err := os.Rename(filepath.Join(p.Dir, "ctx"), filepath.Join(p.Dir, "real")); err != nil {
				t.Fatal(err)
			}
			p.Link(t, "real", "ctx")
		}, []string{"src/main.go"}},
		{"mount point", func(t *testing.T, p *plannertest.Sample) {
			dir := filepath.Join(p.Dir, "ctx/src/mnt")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Mount("none", dir, "tmpfs", 0, ""); err != nil {
				t.Skip("only root may mount")
			}
			t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
			p.Write(t, "ctx/src/mnt/file", "x")
			if err := syscall.Mount("none", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
				t.Fatal(err)
			}
		}, []string{"src/mnt/file"}},
		{"nothing matches", func(t *testing.T, p *plannertest.Sample) {
			p.Dockerfile = "FROM scratch\nCOPY gone /\nCOPY *.gone src/*.go /\nCOPY gone/*.x /\n"
		}, []string{"gone  in ", "Dockerfile:2, stage 0: fails", "*.gone  in ", "Dockerfile:3, stage 0: copies nothing", "Dockerfile:4, stage 0: fails"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := plannertest.NewSample(t)
			c.make(t, p)
			within(t, 20*time.Second, func() {
				text := filesText(t, p)
				for _, w := range c.want {
					if !strings.Contains(text, w) {
						t.Errorf("it does not say %q:\n%s", w, text)
					}
				}
				plan := samplePlan(t, p)
				if in, _ := inputs.Compute(plan, inputs.Options{}); in.Build(plan.Builds[0]).Sum == "" {
					t.Error("no digest")
				}
			})
		})
	}
}
