//go:build unix

package inputs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// later is a moment at which no file of a test is young any more.
func later() time.Time { return time.Now().Add(time.Hour) }

func TestMemory(t *testing.T) {
	p := newSample(t)
	p.memory, p.now = shelf{}, later()
	_, first := p.inputs(t)
	if first.Hashed != 2 {
		t.Errorf("the first run read %d files, want the 2 that are read", first.Hashed)
	}
	plan, second := p.inputs(t)
	if second.Hashed != 0 {
		t.Errorf("the second run read %d files again", second.Hashed)
	}
	if a, b := first.Reads.Plan.Builds[0], plan.Builds[0]; first.Build(a).Sum != second.Build(b).Sum {
		t.Error("the memory gives another digest")
	}
	p.Write(t, "ctx/src/main.go", "package mine") // as long as before
	plan, third := p.inputs(t)
	if third.Hashed != 1 {
		t.Errorf("%d files were read after one has changed", third.Hashed)
	}
	p.memory = nil
	plan2, fresh := p.inputs(t)
	if third.Build(plan.Builds[0]).Sum != fresh.Build(plan2.Builds[0]).Sum {
		t.Error("the digest is not what it is without a memory")
	}
}

// TestMemoryIsRacy changes a file without its stamp showing it, which can
// happen right after it was written: such files are not remembered.
func TestMemoryIsRacy(t *testing.T) {
	p := newSample(t)
	p.memory = shelf{}
	p.now = time.Now() // as a run right after an editor
	p.inputs(t)
	if _, again := p.inputs(t); again.Hashed != 2 {
		t.Errorf("%d young files were read again, want all 2", again.Hashed)
	}
	s := Stamp{MTime: 5e9, CTime: 5e9}
	for moment, want := range map[int64]bool{4e9: true, 6e9: true, 6.9e9: true, 7.1e9: false} {
		if young(s, moment) != want {
			t.Errorf("a file of second 5 at %d: young is %v", moment, !want)
		}
	}
	s.CTime += 1e6 // a file system that counts finely
	if young(s, 6e9) {
		t.Error("a file is young for too long")
	}
}

// TestMemoryStamps holds that every part of a stamp counts.
func TestMemoryStamps(t *testing.T) {
	sum := [sumSize]byte{1}
	stamp := Stamp{Size: 1, MTime: 2e18, CTime: 3e18, Inode: 4, Device: 5, Mode: 6}
	data := writeMemory([]record{{path: "a/b", stamp: stamp, sum: &sum}}, 4e18)
	if got := readMemory(data).sum("a", "b", stamp); got == nil || *got != sum {
		t.Fatalf("the memory gives %v", got)
	}
	for i, change := range []func(*Stamp){
		func(s *Stamp) { s.Size++ }, func(s *Stamp) { s.MTime++ }, func(s *Stamp) { s.CTime++ },
		func(s *Stamp) { s.Inode++ }, func(s *Stamp) { s.Device++ }, func(s *Stamp) { s.Mode++ },
	} {
		s := stamp
		change(&s)
		if readMemory(data).sum("a", "b", s) != nil {
			t.Errorf("change %d of the stamp does not show", i)
		}
	}
	if readMemory(data).sum("", "a", stamp) != nil {
		t.Error("a file that is not there is known")
	}
}

// TestMemoryIsBroken damages every byte of a memory, and cuts it anywhere.
func TestMemoryIsBroken(t *testing.T) {
	sum := [sumSize]byte{1}
	stamp := Stamp{Size: 1, MTime: 2e18, CTime: 3e18}
	data := writeMemory([]record{{path: "a", stamp: stamp, sum: &sum}, {path: "b", stamp: stamp, sum: &sum}}, 4e18)
	for i := range data {
		if m := readMemory(data[:i]); len(m.records) != 0 {
			t.Fatalf("cut at %d it still has entries", i)
		}
		bad := append([]byte(nil), data...)
		bad[i] ^= 0x40
		if m := readMemory(bad); len(m.records) != 0 {
			t.Fatalf("damaged at %d it still has entries", i)
		}
	}
}

func FuzzMemory(f *testing.F) {
	sum := [sumSize]byte{1}
	f.Add(writeMemory([]record{{path: "a", sum: &sum}}, 4e18))
	f.Fuzz(func(_ *testing.T, data []byte) { readMemory(data) })
}

func TestMemoryIsBounded(t *testing.T) {
	var m fileMemory
	sum := [sumSize]byte{1}
	for i := range 50_000 {
		m.records = append(m.records, record{path: string(rune('a'+i%26)) + filepath.Join("x", string(rune(i))), sum: &sum, stamp: Stamp{MTime: 1}})
	}
	m.made = 1e18
	now := time.Unix(0, 2e18)
	data := m.learn([]record{{path: "new", stamp: Stamp{MTime: 1}, sum: &sum}}, now)
	if n := len(readMemory(data).records); n != 1 {
		t.Errorf("%d entries stay that no one asked for", n)
	}
}

// changing hands out files that are written to while they are read.
type changing struct {
	Disk
	path string
	left int // how often
}

func (c *changing) Open(path string) (Content, error) {
	f, err := c.Disk.Open(path)
	if filepath.Base(path) == c.path && c.left > 0 && err == nil {
		c.left--
		old, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(path, append(old, 'x'), 0o644); err != nil {
			return nil, err
		}
	}
	return f, err
}

func TestChangesWhileRead(t *testing.T) {
	p := newSample(t)
	p.tree = &changing{path: "main.go", left: 1}
	once := p.digest(t)
	p.tree = nil
	if then := p.digest(t); once.Sum != then.Sum || len(once.Open) != 0 {
		t.Errorf("a file that changed once: open for %v", once.Open)
	}
	p.tree = &changing{path: "main.go", left: 100}
	if always := p.digest(t); len(always.Open) != 1 || always.Open[0].Why != Unreadable {
		t.Errorf("a file that changes all the time leaves %v open", always.Open)
	}
}

// vanishing has a file in its list that is gone when it is opened.
type vanishing struct{ Disk }

func (vanishing) Open(path string) (Content, error) {
	return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
}

func TestVanishesBeforeRead(t *testing.T) {
	p := newSample(t)
	p.tree = vanishing{}
	d := p.digest(t)
	if len(d.Open) != 2 || d.Open[0].Why != Unreadable {
		t.Errorf("files that are gone leave %v open", d.Open)
	}
}

// denied is a tree in which nobody may list one directory and open one file;
// root, who runs tests too, could.
type denied struct{ Disk }

var errDenied = &fs.PathError{Op: "open", Err: fs.ErrPermission}

func (d denied) List(dir string) ([]Entry, error) {
	if filepath.Base(dir) == "deep" {
		return nil, errDenied
	}
	return d.Disk.List(dir)
}

func (d denied) Open(path string) (Content, error) {
	if filepath.Base(path) == "main.go" {
		return nil, errDenied
	}
	return d.Disk.Open(path)
}

func TestUnreadable(t *testing.T) {
	p := newSample(t)
	p.tree = denied{}
	plan := p.plan(t)
	in, diags := Compute(plan, Options{Tree: p.tree})
	if len(diags) != 1 || diags.HasErrors() || diags[0].Summary != "Unreadable directory" {
		t.Errorf("it says %v", diags)
	}
	if d := in.Build(plan.Builds[0]); len(d.Open) != 2 {
		t.Errorf("open for %v", d.Open)
	}
	p.Write(t, "ctx/.dockerignore", "src/deep\nsrc/main.go\n")
	plan = p.plan(t)
	in, diags = Compute(plan, Options{Tree: p.tree})
	if len(diags) != 0 || len(in.Build(plan.Builds[0]).Open) != 0 {
		t.Errorf("what is ignored is complained of: %v, %v", diags, in.Build(plan.Builds[0]).Open)
	}
	if !errors.Is(errDenied, fs.ErrPermission) {
		t.Error("the error is none of a permission")
	}
}
