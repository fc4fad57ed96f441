//go:build linux

package planner

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/orch-build/orch/config"
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

func filesText(t *testing.T, p *sample) string {
	t.Helper()
	reads, diags := p.plan(t).Reads(ReadOptions{Tree: p.tree, All: true})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	var b strings.Builder
	if err := reads.FilesText(&b); err != nil {
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
		make func(t *testing.T, p *sample)
		want []string
	}{
		{"loop of links", func(t *testing.T, p *sample) {
			p.link(t, "loop2", "ctx/src/loop")
			p.link(t, "loop", "ctx/src/loop2")
			p.dockerfile = "FROM scratch\nCOPY src /\nCOPY src/loop /\n"
		}, []string{"src/loop -> loop2", "src/loop  in ", "fails the build"}},
		{"link to the folder above", func(t *testing.T, p *sample) {
			p.link(t, "..", "ctx/src/up")
			p.dockerfile = "FROM scratch\nCOPY src /\nCOPY src/up/other /\n"
		}, []string{"src/up -> ..", "other/file"}},
		{"link out of the context", func(t *testing.T, p *sample) {
			p.link(t, "../../../../etc", "ctx/src/out")
			p.link(t, "/etc/passwd", "ctx/passwd")
			p.dockerfile = "FROM scratch\nCOPY src /\nCOPY passwd /\n"
		}, []string{"src/out -> ../../../../etc", "passwd  in ", "fails the build"}},
		{"line break in a name", func(t *testing.T, p *sample) { p.write(t, "ctx/src/a\nb", "") }, []string{`"src/a\nb"`}},
		{"control character in a name", func(t *testing.T, p *sample) { p.write(t, "ctx/src/a\x1b[31m", "") }, []string{`"src/a\x1b[31m"`}},
		{"no UTF-8 in a name", func(t *testing.T, p *sample) { p.write(t, "ctx/src/a\xff", "") }, []string{`"src/a\xff"`, "Name is not UTF-8"}},
		{"long name", func(t *testing.T, p *sample) { p.write(t, "ctx/src/"+long, "") }, []string{"src/" + long}},
		{"names that differ in case", func(t *testing.T, p *sample) {
			p.write(t, "ctx/src/README", "")
			p.write(t, "ctx/src/readme", "")
		}, []string{"src/README", "src/readme", "Names differ only in case"}},
		{"pipe", func(t *testing.T, p *sample) {
			if err := syscall.Mkfifo(filepath.Join(p.dir, "ctx/src/p"), 0o644); err != nil {
				t.Fatal(err)
			}
		}, []string{"pipe  src/p"}},
		{"socket", func(t *testing.T, p *sample) {
			t.Chdir(filepath.Join(p.dir, "ctx/src")) // the path of a socket must be short
			l, err := net.Listen("unix", "s")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
		}, []string{"socket  src/s"}},
		{"device", func(t *testing.T, p *sample) {
			if err := syscall.Mknod(filepath.Join(p.dir, "ctx/src/d"), syscall.S_IFCHR|0o644, 1<<8|5); err != nil {
				t.Skip("only root may make devices")
			}
		}, []string{"device  src/d"}},
		{"context that is a link", func(t *testing.T, p *sample) {
			if err := os.Rename(filepath.Join(p.dir, "ctx"), filepath.Join(p.dir, "real")); err != nil {
				t.Fatal(err)
			}
			p.link(t, "real", "ctx")
		}, []string{"src/main.go"}},
		{"mount point", func(t *testing.T, p *sample) {
			dir := filepath.Join(p.dir, "ctx/src/mnt")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Mount("none", dir, "tmpfs", 0, ""); err != nil {
				t.Skip("only root may mount")
			}
			t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
			p.write(t, "ctx/src/mnt/file", "x")
			if err := syscall.Mount("none", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
				t.Fatal(err)
			}
		}, []string{"src/mnt/file"}},
		{"nothing matches", func(t *testing.T, p *sample) {
			p.dockerfile = "FROM scratch\nCOPY gone /\nCOPY *.gone src/*.go /\nCOPY gone/*.x /\n"
		}, []string{"gone  in ", "Dockerfile:2, stage 0: fails", "*.gone  in ", "Dockerfile:3, stage 0: copies nothing", "Dockerfile:4, stage 0: fails"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newSample(t)
			c.make(t, p)
			within(t, 20*time.Second, func() {
				text := filesText(t, p)
				for _, w := range c.want {
					if !strings.Contains(text, w) {
						t.Errorf("it does not say %q:\n%s", w, text)
					}
				}
				if p.digest(t).Sum == "" {
					t.Error("no digest")
				}
			})
		})
	}
}

// TestNamesInJSON has a name that is no UTF-8 come back as it was.
func TestNamesInJSON(t *testing.T) {
	p := newSample(t)
	p.write(t, "ctx/src/a\xff", "")
	reads, _ := p.plan(t).Reads(ReadOptions{})
	var b bytes.Buffer
	if err := reads.InputsJSON(&b, nil); err != nil {
		t.Fatal(err)
	}
	var doc inputsDocument
	if err := json.Unmarshal(b.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), `"path_base64": "c3JjL2H/"`) {
		t.Errorf("the name is not there:\n%s", b.String())
	}
}

// TestReadOnlyContext needs nothing in the context but to read it.
func TestReadOnlyContext(t *testing.T) {
	p := newSample(t)
	p.inputs(t) // writes the Dockerfile
	dir := filepath.Join(p.dir, "ctx")
	if err := syscall.Mount(dir, dir, "", syscall.MS_BIND, ""); err != nil {
		t.Skip("only root may mount")
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	if err := syscall.Mount("", dir, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	cfg := &config.Config{Targets: []*config.Target{p.target}, Chosen: []string{"app"}}
	plan, diags := New(cfg, Options{BuildPlatform: "linux/amd64", Dir: p.dir, Digests: true})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	if in, diags := plan.Inputs(ReadOptions{}); diags.HasErrors() || len(in.Build(plan.Builds[0]).Open) > 0 {
		t.Errorf("%v, open for %v", diags, in.Build(plan.Builds[0]).Open)
	}
}

// TestInvalidIgnoreFile says which pattern cannot be read.
func TestInvalidIgnoreFile(t *testing.T) {
	for _, pattern := range []string{"a[", "!", "x[z-a]"} {
		p := newSample(t)
		p.write(t, "ctx/.dockerignore", pattern+"\n")
		_, diags := p.plan(t).Reads(ReadOptions{})
		if !diags.HasErrors() || diags[0].Summary != "Invalid ignore file" {
			t.Errorf("%q: %v", pattern, diags)
		}
	}
}

func TestExcess(t *testing.T) {
	p := newSample(t)
	p.dockerfile = "FROM scratch\nCOPY src /\n"
	p.write(t, "ctx/node_modules/a/big", strings.Repeat("x", 20<<20))
	p.write(t, "ctx/dist/[1].js", strings.Repeat("x", 2<<20))
	for _, most := range []int{0, 1000} {
		reads, _ := p.plan(t).Reads(ReadOptions{All: true, Most: most})
		list := reads.Excess()
		if len(list) != 1 || len(list[0].Culprits) != 2 {
			t.Fatalf("with %d: %+v", most, list)
		}
		for i, want := range []string{"node_modules", "dist"} {
			if got := list[0].Culprits[i].Ignore(); got != want {
				t.Errorf("line %d is %q, want %q", i, got, want)
			}
		}
	}
	// The lines that are suggested do what they say.
	p.write(t, "ctx/.dockerignore", "node_modules\ndist\n")
	reads, _ := p.plan(t).Reads(ReadOptions{All: true})
	if list := reads.Excess(); len(list) != 0 {
		t.Errorf("still %+v", list)
	}
	if got := (Culprit{Path: "!a/[1]*"}).Ignore(); got != `/!a/\[1\]\*` {
		t.Errorf("the line is %s", got)
	}
}
