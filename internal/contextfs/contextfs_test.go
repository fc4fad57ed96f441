package contextfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/tonistiigi/fsutil"
	"github.com/tonistiigi/fsutil/types"
)

// folder makes a folder with the files a to e, twice: at its top and in "sub".
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, sub := range []string{".", "sub"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"a", "b", "c", "d", "e"} {
			if err := os.WriteFile(filepath.Join(dir, sub, name), []byte(name), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

// send reads a folder as the client of BuildKit does: through a filter that
// sets the owner, and another one of what the builder asks for. at is called
// with each path before the next one is looked at.
func send(t *testing.T, files *FS, opt *fsutil.FilterOpt, at func(path string)) ([]string, error) {
	t.Helper()
	owner := &fsutil.FilterOpt{Map: func(string, *types.Stat) fsutil.MapResult { return fsutil.MapResultKeep }}
	files.Selects(opt)
	first, err := fsutil.NewFilterFS(files, owner)
	if err != nil {
		t.Fatal(err)
	}
	second, err := fsutil.NewFilterFS(first, opt)
	if err != nil {
		t.Fatal(err)
	}
	all := fsutil.WithHardlinkReset(second)
	var got []string
	err = all.Walk(context.Background(), "/", func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		got = append(got, path)
		at(path)
		if !info.Mode().IsRegular() {
			return nil
		}
		r, err := all.Open(path)
		if err != nil {
			return nil // the sender takes it for empty
		}
		defer r.Close()
		_, err = io.Copy(io.Discard, r)
		return err
	})
	return got, err
}

func TestChanges(t *testing.T) {
	everything := []string{"a", "b", "c", "d", "e", "sub", "sub/a", "sub/b", "sub/c", "sub/d", "sub/e"}
	without := func(names ...string) []string {
		return slices.DeleteFunc(slices.Clone(everything), func(s string) bool { return slices.Contains(names, s) })
	}
	for name, c := range map[string]struct {
		at      string // when this is read,
		do      func(path func(string) string) error
		opt     fsutil.FilterOpt
		got     []string
		changes []string
	}{
		"nothing": {"", nil, fsutil.FilterOpt{}, everything, nil},
		"listed and vanished": {"sub/a", func(p func(string) string) error { return os.Remove(p("sub/b")) },
			fsutil.FilterOpt{}, without("sub/b"), []string{"sub/b vanished"}},
		"two of them": {"sub/a", func(p func(string) string) error {
			return errors.Join(os.Remove(p("sub/b")), os.Remove(p("sub/d")))
		}, fsutil.FilterOpt{}, without("sub/b", "sub/d"), []string{"sub/b vanished", "sub/d vanished"}},
		"a folder": {"a", func(p func(string) string) error { return os.RemoveAll(p("sub")) },
			fsutil.FilterOpt{}, everything[:5], []string{"sub vanished"}},
		"vanished before it is read": {"sub/b", func(p func(string) string) error { return os.Remove(p("sub/b")) },
			fsutil.FilterOpt{}, everything, []string{"sub/b could not be read, and is empty in the build"}},
		"grown": {"sub/b", func(p func(string) string) error { return os.WriteFile(p("sub/b"), []byte("longer"), 0o644) },
			fsutil.FilterOpt{}, everything, []string{"sub/b changed"}},
		"a folder in its place": {"sub/b", func(p func(string) string) error {
			return errors.Join(os.Remove(p("sub/b")), os.Mkdir(p("sub/b"), 0o755))
		}, fsutil.FilterOpt{}, everything, []string{"sub/b could not be read, and is empty in the build"}},
		"appeared": {"sub/c", func(p func(string) string) error { return os.WriteFile(p("sub/bb"), nil, 0o644) },
			fsutil.FilterOpt{}, everything, []string{"sub/bb appeared"}},
		"appeared at the top": {"sub", func(p func(string) string) error { return os.WriteFile(p("0"), nil, 0o644) },
			fsutil.FilterOpt{}, everything, []string{"0 appeared"}},
		"what is left out may change": {"sub/a", func(p func(string) string) error {
			return errors.Join(os.Remove(p("sub/b")), os.WriteFile(p("sub/n"), nil, 0o644))
		}, fsutil.FilterOpt{ExcludePatterns: []string{"sub/b", "**/n"}}, without("sub/b"), nil},
		"what nobody asks for may change": {"sub/a", func(p func(string) string) error {
			return errors.Join(os.Remove(p("sub/b")), os.WriteFile(p("n"), nil, 0o644))
		}, fsutil.FilterOpt{FollowPaths: []string{"sub/a", "sub/c", "no"}}, []string{"sub", "sub/a", "sub/c"}, nil},
		"orch's own unfinished files": {"sub/a", func(p func(string) string) error {
			return os.WriteFile(p("sub/.b.tar.orch-123"), nil, 0o644)
		}, fsutil.FilterOpt{}, everything, nil},
	} {
		for _, strict := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%t", name, strict), func(t *testing.T) {
				dir := folder(t)
				w := &Watch{Strict: strict}
				until, stop := w.Until(t.Context())
				defer stop()
				files, err := w.Open(dir, DiskModes)
				if err != nil {
					t.Fatal(err)
				}
				got, err := send(t, files, &c.opt, func(path string) {
					if path == c.at {
						if err := c.do(func(p string) string { return filepath.Join(dir, p) }); err != nil {
							t.Fatal(err)
						}
					}
				})
				var said []string
				for _, change := range w.Changes() {
					said = append(said, change.Path+" "+string(change.What))
				}
				if err != nil || !slices.Equal(got, c.got) {
					t.Errorf("got %q (%v), want %q", got, err, c.got)
				}
				if strict && len(c.changes) > 0 {
					<-until.Done()
					var e *Error
					if !errors.As(w.Fault(), &e) || context.Cause(until) != error(e) || !slices.Contains(c.changes, e.Path+" "+string(e.What)) {
						t.Errorf("got %v, and ended by %v, want one of %q", w.Fault(), context.Cause(until), c.changes)
					}
					return
				}
				if w.Fault() != nil || until.Err() != nil {
					t.Errorf("got %v, and ended by %v", w.Fault(), until.Err())
				}
				if !slices.Equal(said, c.changes) {
					t.Errorf("changed: %q, want %q", said, c.changes)
				}
			})
		}
	}
}

// No file is missing that nobody has touched.
func TestRestOfTheFolder(t *testing.T) {
	dir := t.TempDir()
	const files = 1000
	for i := range files {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("f%04d", i)), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			for i := 0; i < files; i += 50 {
				select {
				case <-stop:
					return
				default:
				}
				path := filepath.Join(dir, fmt.Sprintf("f%04d", i))
				_ = os.Remove(path)
				_ = os.WriteFile(path, nil, 0o644)
			}
		}
	}()
	defer func() { close(stop); <-stopped }()
	for range 5 {
		w := &Watch{}
		fs, err := w.Open(dir, DiskModes)
		if err != nil {
			t.Fatal(err)
		}
		got, err := send(t, fs, &fsutil.FilterOpt{}, func(string) {})
		if err != nil {
			t.Fatal(err)
		}
		untouched := 0
		for _, name := range got {
			var i int
			if _, err := fmt.Sscanf(name, "f%d", &i); err == nil && i%50 != 0 {
				untouched++
			}
		}
		if want := files - files/50; untouched != want {
			t.Fatalf("%d of the %d files that never change", untouched, want)
		}
	}
}

// A file that cannot be read to its end ends the run, and not the reading.
func TestUnreadable(t *testing.T) {
	w := &Watch{}
	until, stop := w.Until(t.Context())
	defer stop()
	broken := errors.New("input/output error")
	r := &reader{ReadCloser: io.NopCloser(io.MultiReader(strings.NewReader("half"), iotest.ErrReader(broken))), fs: &FS{name: "ctx", watch: w}, path: "f"}
	if got, err := io.ReadAll(r); err != nil || string(got) != "half" {
		t.Errorf("%q, %v", got, err)
	}
	<-until.Done()
	if err := w.Fault(); !errors.Is(err, broken) || context.Cause(until) != err {
		t.Errorf("%v, ended by %v", err, context.Cause(until))
	}
}
