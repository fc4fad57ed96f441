package watch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// project has targets whose digests are what is in their folders.
type project struct {
	dir   string
	names []string
	built chan []string
	// hold keeps builds going until they are cancelled.
	hold  chan bool
	fails map[string]bool
	lines chan string
}

func newProject(t *testing.T, names ...string) *project {
	p := &project{
		dir: t.TempDir(), names: names, built: make(chan []string, 100), hold: make(chan bool, 100),
		fails: map[string]bool{}, lines: make(chan string, 100),
	}
	for _, name := range names {
		p.write(t, name+"/file", "1")
	}
	return p
}

func (p *project) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (p *project) Look(context.Context) (*State, error) {
	s := &State{Digests: map[string]string{}, Files: []string{filepath.Join(p.dir, "definition")}, Written: []string{filepath.Join(p.dir, "a", "out")}}
	if _, err := os.Stat(filepath.Join(p.dir, "definition")); err == nil {
		return nil, errors.New("wrong definition")
	}
	for _, name := range p.names {
		dir := filepath.Join(p.dir, name)
		s.Roots = append(s.Roots, Root{Dir: dir, Skip: func(path string) bool { return path == "node_modules" }})
		var digest strings.Builder
		_ = filepath.WalkDir(dir+string(filepath.Separator), func(path string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() && !strings.Contains(path, "node_modules") && !strings.HasSuffix(path, "out") {
				data, _ := os.ReadFile(path)
				digest.WriteString(path + "=" + string(data) + ";")
			}
			return nil
		})
		s.Digests[name] = digest.String()
	}
	return s, nil
}

func (p *project) Build(ctx context.Context, targets []string) error {
	p.built <- targets
	select {
	case <-p.hold:
		<-ctx.Done()
		return ctx.Err()
	default:
	}
	for _, name := range targets {
		if p.fails[name] {
			return errors.New(name)
		}
	}
	return nil
}

func (p *project) Say(line string) { p.lines <- line }
func (p *project) Fault(err error) bool {
	p.lines <- err.Error()
	return true
}

// next waits for a build, and fails if it is not of those targets.
func (p *project) next(t *testing.T, want ...string) {
	t.Helper()
	select {
	case got := <-p.built:
		if !slices.Equal(got, want) {
			t.Errorf("%v are built, want %v", got, want)
		}
	case <-time.After(time.Minute):
		t.Fatalf("nothing is built; want %v", want)
	}
}

func (p *project) says(t *testing.T, want string) {
	t.Helper()
	for {
		select {
		case line := <-p.lines:
			if strings.Contains(line, want) {
				return
			}
		case <-time.After(time.Minute):
			t.Fatalf("nobody says %q", want)
		}
	}
}

// start runs a project until the end of the test.
func (p *project) start(t *testing.T) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- Run(ctx, p) }()
	stop = func() error { cancel(); return <-done }
	t.Cleanup(cancel)
	return stop
}

func TestOnlyWhatChanged(t *testing.T) {
	p := newProject(t, "a", "b", "c")
	stop := p.start(t)
	p.next(t, "a", "b", "c")
	p.says(t, "Waiting for changes of 3 targets")
	p.write(t, "b/file", "2")
	p.next(t, "b")
	p.says(t, "Waiting")
	p.write(t, "a/new/deep/file", "x")
	p.next(t, "a")
	p.says(t, "Waiting")
	p.write(t, "a/new/deep/file", "y") // in folders that were not there before
	p.next(t, "a")
	p.says(t, "Waiting")
	p.write(t, "c/node_modules/x", "ignored")
	p.write(t, "a/out", "written by a build")
	p.write(t, "c/file", "2")
	p.next(t, "c")
	if err := stop(); err != nil {
		t.Errorf("the end is an error: %v", err)
	}
}

// A build is cancelled if what it builds has changed, and goes on if something else
// has.
func TestChangedMeanwhile(t *testing.T) {
	p := newProject(t, "a", "b")
	p.hold <- true
	stop := p.start(t)
	p.next(t, "a", "b")
	p.write(t, "b/file", "2")
	p.says(t, "out of date is cancelled")
	p.next(t, "a", "b")
	p.says(t, "Waiting")
	p.hold <- true
	p.write(t, "b/file", "3")
	p.next(t, "b")
	p.write(t, "a/file", "2")
	time.Sleep(5 * quiet)
	if err := stop(); !errors.Is(err, context.Canceled) {
		t.Errorf("a build that was going on ends with %v", err)
	}
}

// What failed is built again with the next change, whatever it is.
func TestFailed(t *testing.T) {
	p := newProject(t, "a", "b")
	p.fails["a"] = true
	stop := p.start(t)
	p.next(t, "a", "b")
	p.says(t, "Waiting")
	p.write(t, "log", "not read by a target, in a folder that is watched for the definition")
	p.write(t, "b/file", "2")
	p.next(t, "a", "b")
	p.says(t, "Waiting") // what ends a build is what the build says
	if err := stop(); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if len(p.built) > 0 {
		t.Errorf("%v are built for a file that no target reads", <-p.built)
	}
}

// Folders that are moved, or removed and made anew, are watched as before.
func TestFolders(t *testing.T) {
	p := newProject(t, "a")
	p.write(t, "a/x/deep/file", "1")
	p.write(t, "a/y/deep/file", "1")
	p.start(t)
	dir := filepath.Join(p.dir, "a")
	steps := []func() error{
		func() error { return os.Rename(dir+"/x", dir+"/z") },
		func() error {
			return errors.Join(os.Rename(dir+"/z", dir+"/t"), os.Rename(dir+"/y", dir+"/z"), os.Rename(dir+"/t", dir+"/y"), os.WriteFile(dir+"/file", nil, 0o644))
		},
		func() error {
			return errors.Join(os.RemoveAll(dir+"/y"), os.MkdirAll(dir+"/y/deep", 0o755), os.WriteFile(dir+"/y/deep/file", nil, 0o644))
		},
		func() error { return os.Rename(dir+"/z", p.dir+"/elsewhere") },
		func() error { return os.Rename(p.dir+"/elsewhere", dir+"/z") },
	}
	p.next(t, "a")
	p.says(t, "Waiting")
	for i, step := range steps {
		if err := step(); err != nil {
			t.Fatal(err)
		}
		p.next(t, "a")
		p.says(t, "Waiting")
		for _, name := range []string{"x", "y", "z"} {
			file := filepath.Join(dir, name, "deep", "file")
			if _, err := os.Stat(file); err != nil {
				continue
			}
			if err := os.WriteFile(file, []byte(fmt.Sprint(name, i)), 0o644); err != nil {
				t.Fatal(err)
			}
			p.next(t, "a")
			p.says(t, "Waiting")
		}
	}
}

// A folder that is a link is watched, and so is one that is not there yet.
func TestLinksAndMissing(t *testing.T) {
	p := newProject(t, "a", "b")
	p.write(t, "real/file", "1")
	if err := errors.Join(os.RemoveAll(filepath.Join(p.dir, "b")), os.Symlink("real", filepath.Join(p.dir, "b")), os.RemoveAll(filepath.Join(p.dir, "a"))); err != nil {
		t.Fatal(err)
	}
	p.start(t)
	p.next(t, "a", "b")
	p.says(t, "Waiting")
	p.write(t, "real/file", "2")
	p.next(t, "b")
	p.says(t, "Waiting")
	p.write(t, "a/deep/file", "1")
	p.next(t, "a")
	p.says(t, "Waiting")
	p.write(t, "a/deep/file", "2")
	p.next(t, "a")
}

// A wrong definition is shown and waited for.
func TestWrongDefinition(t *testing.T) {
	p := newProject(t, "a")
	stop := p.start(t)
	p.next(t, "a")
	p.says(t, "Waiting")
	p.write(t, "definition", "wrong")
	p.says(t, "wrong definition")
	p.says(t, "Waiting")
	if err := os.Remove(filepath.Join(p.dir, "definition")); err != nil {
		t.Fatal(err)
	}
	p.write(t, "a/file", "2")
	p.next(t, "a")
	if err := stop(); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
