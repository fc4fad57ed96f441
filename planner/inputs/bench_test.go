//go:build unix

package inputs

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
)

// counted counts what is asked of the disk.
type counted struct {
	Disk
	lists, opens atomic.Int64
}

func (c *counted) List(dir string) ([]Entry, error) {
	c.lists.Add(1)
	return c.Disk.List(dir)
}

func (c *counted) Open(path string) (Content, error) {
	c.opens.Add(1)
	return c.Disk.Open(path)
}

// large is a context of n files of a size in folders of a hundred, and as many
// targets as asked for that read all of it, half of them a part again.
func large(t testing.TB, n, size, targets int) (*config.Config, string) {
	t.Helper()
	dir := t.TempDir()
	data := make([]byte, size)
	for i := range n {
		sub := filepath.Join(dir, fmt.Sprintf("pkg-%d", i/1000), fmt.Sprintf("dir-%d", i/100%10))
		if i%100 == 0 {
			if err := os.MkdirAll(sub, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		copy(data, fmt.Sprint(i))
		if err := os.WriteFile(filepath.Join(sub, fmt.Sprintf("file-%d.go", i)), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text := "FROM scratch AS all\nCOPY . /src\n"
	cfg := &config.Config{}
	for i := range targets {
		text += fmt.Sprintf("FROM scratch AS t%d\nCOPY . /src-%d\nCOPY pkg-%d /more/\n", i, i, i)
		name := fmt.Sprintf("t%d", i)
		cfg.Targets = append(cfg.Targets, &config.Target{Name: name, Stage: name, Dockerfile: "Dockerfile", Context: config.Context{Value: dir}})
		cfg.Chosen = append(cfg.Chosen, name)
	}
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return cfg, dir
}

func largePlan(t testing.TB, cfg *config.Config) *planner.Plan {
	t.Helper()
	plan, diags := planner.New(cfg, planner.Options{BuildPlatform: "linux/amd64"})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return plan
}

// TestOneWalk lists each folder once and reads each file once, whatever the
// number of targets, and the second time no file.
func TestOneWalk(t *testing.T) {
	cfg, _ := large(t, 2000, 10, 2)
	memory := shelf{}
	var first string
	for i, opens := range []int64{2001, 0} {
		plan := largePlan(t, cfg)
		tree := &counted{}
		in, diags := Compute(plan, Options{Tree: tree, Memory: memory, Now: later()})
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		// The root, 2 folders, and 20 in them.
		if tree.lists.Load() != 23 || tree.opens.Load() != opens {
			t.Errorf("run %d: %d folders were listed and %d files read, want 23 and %d", i, tree.lists.Load(), tree.opens.Load(), opens)
		}
		sum := in.Build(plan.Builds[0]).Sum
		if i > 0 && sum != first {
			t.Error("the digest is another")
		}
		first = sum
	}
}

// BenchmarkInputs has 100,000 files of 16 kB, as large as those of a kernel's
// source are on average, that 50 targets read. The first run has an empty
// memory and fills it; the second finds it full. Both find the files in the page
// cache, so that the first is as fast as it can be. They are compared with the least
// that there is to do: to read all bytes and sum them up, and to ask for the
// state of every file, which the second cannot do without, as a change shows
// nowhere else.
func BenchmarkInputs(b *testing.B) {
	const files, targets = 100_000, 50
	cfg, dir := large(b, files, 16<<10, targets)
	memory := shelf{}
	run := func(b *testing.B, opt Options, want int) {
		b.ReportAllocs()
		defer processor(b)()
		for b.Loop() {
			if want > 0 {
				opt.Memory = shelf{}
			}
			plan := largePlan(b, cfg)
			opt.Now = time.Now().Add(time.Hour)
			in, _ := Compute(plan, opt)
			if want >= 0 && in.Hashed != want {
				b.Fatalf("%d files were read, want %d", in.Hashed, want)
			}
		}
	}
	b.Run("first", func(b *testing.B) { run(b, Options{}, files+1) })
	run2 := Options{Memory: memory, Now: time.Now().Add(time.Hour)}
	if _, diags := Compute(largePlan(b, cfg), run2); diags.HasErrors() {
		b.Fatal(diags)
	}
	b.Run("second", func(b *testing.B) { run(b, Options{Memory: memory}, 0) })
	b.Run("bound=read", func(b *testing.B) {
		b.ReportAllocs()
		defer processor(b)()
		for b.Loop() {
			eachFile(b, dir, func(path string, _ fs.DirEntry) error {
				data, err := os.ReadFile(path)
				sha256.Sum256(data)
				return err
			})
		}
	})
	b.Run("bound=stat", func(b *testing.B) {
		b.ReportAllocs()
		defer processor(b)()
		for b.Loop() {
			if n := states(b, dir); n < files {
				b.Fatalf("%d files were looked at", n)
			}
		}
	})
}

// states asks for the state of each file below a directory, with as few calls
// of the system as that takes, and returns how many there are.
func states(b *testing.B, dir string) (n int) {
	f, err := os.Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range names {
		var st unix.Stat_t
		if err := unix.Fstatat(int(f.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			b.Fatal(err)
		}
		if st.Mode&unix.S_IFMT == unix.S_IFDIR {
			n += states(b, filepath.Join(dir, name))
		} else {
			n++
		}
	}
	return n
}

// processor also reports the time of processors, which other work on the
// machine does not change.
func processor(b *testing.B) (stop func()) {
	used := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	start := used()
	return func() { b.ReportMetric(float64((used()-start).Milliseconds())/float64(b.N), "cpu-ms/op") }
}

func eachFile(b *testing.B, dir string, f func(string, fs.DirEntry) error) {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return f(path, d)
	})
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkIgnore matches 100,000 paths against ignore files of many patterns,
// which must grow with neither but by as much as there is more to read.
func BenchmarkIgnore(b *testing.B) {
	for _, n := range []int{10, 1000, 10_000} {
		var patterns []string
		for i := range n {
			patterns = append(patterns, fmt.Sprintf("dir-%d/sub", i), fmt.Sprintf("**/name-%d", i), fmt.Sprintf("x-%d/*.tmp", i), fmt.Sprintf("!dir-%d/sub/keep", i))
		}
		m, err := newMatcher(patterns)
		if err != nil {
			b.Fatal(err)
		}
		var paths []string
		for i := range 100_000 {
			paths = append(paths, fmt.Sprintf("pkg-%d/dir-%d/file-%d.go", i/1000, i%10, i))
		}
		b.Run(fmt.Sprintf("patterns=%d", len(patterns)), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for _, p := range paths {
					m.match(p, nil)
				}
			}
		})
	}
}

// BenchmarkLongLists plans and reads what a stage takes with one COPY for each of
// many files, beside an ignore file of as many patterns.
func BenchmarkLongLists(b *testing.B) {
	for _, n := range []int{500, 5000} {
		dir := b.TempDir()
		write := func(name, text string) {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				b.Fatal(err)
			}
		}
		dockerfile, ignored := "FROM scratch\n", ""
		for i := range n {
			write(fmt.Sprintf("file-%d", i), "x")
			dockerfile += fmt.Sprintf("COPY file-%d /\n", i)
			ignored += fmt.Sprintf("other-%d\n", i)
		}
		write("Dockerfile", dockerfile)
		write(".dockerignore", ignored)
		t := &config.Target{Name: "app", Dockerfile: "Dockerfile", Context: config.Context{Value: dir}}
		cfg := &config.Config{Targets: []*config.Target{t}, Chosen: []string{"app"}}
		b.Run(fmt.Sprintf("patterns=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			defer processor(b)()
			for b.Loop() {
				if _, diags := Compute(largePlan(b, cfg), Options{Now: later()}); diags.HasErrors() {
					b.Fatal(diags)
				}
			}
		})
	}
}
