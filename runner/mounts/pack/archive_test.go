//go:build linux

package pack

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// framed is a tree that takes several frames: files that are larger than one, small
// ones behind them, and names of a file that are far apart.
func framed(t *testing.T) string {
	t.Helper()
	dir, r := t.TempDir(), rand.New(rand.NewPCG(1, 2))
	for i, size := range []int{2*frameSize + 1, frameSize / 2, frameSize - 2<<10, frameSize, 3 * frameSize, 0, tarBlock} {
		content := make([]byte, size)
		for j := 0; j < len(content); j += 16 {
			content[j] = byte(r.Uint32())
		}
		write(t, dir, fmt.Sprintf("%d/file", i), string(content), 0o644)
		write(t, dir, fmt.Sprintf("%d/%s/small", i, strings.Repeat("long/", 60)), fmt.Sprint(i), 0o644)
	}
	if err := errors.Join(
		os.Link(filepath.Join(dir, "0/file"), filepath.Join(dir, "9")),
		os.Symlink("0/file", filepath.Join(dir, "link")),
	); err != nil {
		t.Fatal(err)
	}
	return dir
}

// An archive is one of tar and zstd, and the same for the same tree, whoever makes
// it.
func TestFrames(t *testing.T) {
	dir := framed(t)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	archive, s := saved(t, SaveOptions{Dir: dir})
	if n := bytes.Count(archive, []byte{0x28, 0xb5, 0x2f, 0xfd}); n < 7 {
		t.Errorf("%d frames", n)
	}
	runtime.GOMAXPROCS(4)
	for range 2 {
		again, s2 := saved(t, SaveOptions{Dir: dir})
		if !bytes.Equal(archive, again) || *s != *s2 {
			t.Errorf("with more packers it is another archive: %+v and %+v", s, s2)
		}
	}
	plain, err := zstd.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	data, err := io.ReadAll(plain)
	if err != nil {
		t.Fatal(err)
	}
	if len(data)%tarBlock != 0 || !bytes.HasSuffix(data, make([]byte, 2*tarBlock)) {
		t.Errorf("%d bytes are not an archive with its end", len(data))
	}
	sums := map[string]string{}
	for r := tar.NewReader(bytes.NewReader(data)); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.New()
		if _, err := io.Copy(sum, r); err != nil {
			t.Fatal(err)
		}
		sums[strings.TrimSuffix(h.Name, "/")] = string(sum.Sum(nil))
	}
	tree := mustScan(t, dir)
	content, err := tree.content()
	if err != nil || content != s.Sums.Content {
		t.Errorf("the content read by itself has another sum (%v)", err)
	}
	if len(sums) != len(tree.entries) {
		t.Errorf("%d entries of %d", len(sums), len(tree.entries))
	}
	for _, e := range tree.entries {
		if e.mode.IsRegular() && e.name != "9" && sums[e.name] != string(e.sum) {
			t.Errorf("%s has another content", e.name)
		}
	}
	to := t.TempDir()
	if r, err := restored(archive, Commit, RestoreOptions{Dir: to}); err != nil || r.State != Restored {
		t.Fatalf("%+v, %v", r, err)
	}
	if mustScan(t, to).meta() != tree.meta() {
		t.Error("what is restored differs")
	}
}

// weighed is how much memory is in use while an archive is written.
type weighed struct{ most uint64 }

func (w *weighed) Write(p []byte) (int, error) {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	w.most = max(w.most, m.HeapAlloc)
	return len(p), nil
}

// However much is saved, and however slowly it is taken, there are few frames at a
// time.
func TestSaveMemory(t *testing.T) {
	dir := t.TempDir()
	for name, size := range map[string]int64{"large": 256 << 20, "a": 3 << 20, "b": 3 << 20, "z": 100 << 20} {
		write(t, dir, name, "", 0o644)
		if err := os.Truncate(filepath.Join(dir, name), size); err != nil {
			t.Fatal(err)
		}
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	var w weighed
	if s, err := Save(&w, SaveOptions{Dir: dir}); err != nil || s.State != Packed {
		t.Fatal(s, err)
	}
	if w.most > 64<<20 {
		t.Errorf("%d MB are in use", w.most>>20)
	}
}

// failing takes some bytes and then no more.
type failing struct{ left int }

func (f *failing) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errors.New("it is full")
	}
	return len(p), nil
}

// Where nobody takes the archive, or a file of it goes away or is cut, saving ends.
func TestSaveEnds(t *testing.T) {
	dir := framed(t)
	for _, left := range []int{0, 1 << 20} {
		if s, err := Save(&failing{left}, SaveOptions{Dir: dir}); err == nil || !strings.Contains(err.Error(), "full") {
			t.Errorf("%+v, %v", s, err)
		}
	}
	for _, name := range []string{"4/file", "5/" + strings.Repeat("long/", 60) + "small"} {
		tree := mustScan(t, dir)
		if err := os.Truncate(filepath.Join(dir, name), 0); err != nil {
			t.Fatal(err)
		}
		if err := tree.archive(io.Discard, &Status{}); !errors.Is(err, errBusy) {
			t.Errorf("%s was cut: %v", name, err)
		}
		tree = mustScan(t, dir)
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if err := tree.archive(io.Discard, &Status{}); !errors.Is(err, errBusy) {
			t.Errorf("%s is gone: %v", name, err)
		}
	}
}
