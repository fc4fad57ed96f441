//go:build linux

package pack

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// benchTree is 1 GiB in 20,000 files that compress about as well as objects of a
// compiler do. ORCH_BENCH_MOUNT_FILES makes fewer.
func benchTree(b *testing.B) string {
	b.Helper()
	files := 20_000
	if s := os.Getenv("ORCH_BENCH_MOUNT_FILES"); s != "" {
		if _, err := fmt.Sscan(s, &files); err != nil {
			b.Fatal(err)
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	words := make([][]byte, 4000)
	for i := range words {
		words[i] = fmt.Appendf(nil, "%024x", r.Uint64())
	}
	dir := b.TempDir()
	for i := range files {
		var content bytes.Buffer
		for content.Len() < 1<<30/20_000 {
			content.Write(words[r.IntN(len(words))])
		}
		name := filepath.Join(dir, fmt.Sprintf("%02x", i%256), fmt.Sprint(i))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(name, content.Bytes(), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	return dir
}

func benchFile(b *testing.B) *os.File {
	b.Helper()
	f, err := os.Create(filepath.Join(b.TempDir(), "archive"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { f.Close() })
	return f
}

// BenchmarkMounts saves and restores a large mount, and does the same with tar
// through zstd on the same disk.
func BenchmarkMounts(b *testing.B) {
	dir := benchTree(b)
	archive := benchFile(b)
	size := int64(0)
	took := map[string]time.Duration{}
	each := func(b *testing.B) time.Duration { return b.Elapsed() / time.Duration(b.N) }
	// What was written before must not be on its way to the disk while the next one is
	// measured.
	unix.Sync()
	b.Run("save", func(b *testing.B) {
		for b.Loop() {
			if _, err := archive.Seek(0, io.SeekStart); err != nil {
				b.Fatal(err)
			}
			s, err := Save(archive, SaveOptions{Dir: dir})
			if err != nil {
				b.Fatal(err)
			}
			size = s.Size
		}
		took["save"] = each(b)
	})
	unix.Sync()
	b.Run("restore", func(b *testing.B) {
		for b.Loop() {
			in := io.MultiReader(io.NewSectionReader(archive, 0, size), strings.NewReader(Commit))
			s, err := Restore(in, func(Status) error { return nil }, RestoreOptions{Dir: b.TempDir(), Size: size})
			if err != nil || s.State != Restored {
				b.Fatal(s, err)
			}
		}
		took["restore"] = each(b)
	})
	packed := filepath.Join(b.TempDir(), "tar.zst")
	shell := func(b *testing.B, ours, script string, args ...string) {
		for b.Loop() {
			args := append([]string{"-c", script, "sh"}, args...)
			if out, err := exec.Command("sh", args...).CombinedOutput(); err != nil {
				b.Skipf("%v: %s", err, out)
			}
		}
		b.ReportMetric(float64(took[ours])/float64(each(b)), ours+"-of-tar")
	}
	unix.Sync()
	b.Run("tar-save", func(b *testing.B) { shell(b, "save", "tar c -C \"$1\" . | zstd -q -f -o \"$2\"", dir, packed) })
	unix.Sync()
	b.Run("tar-restore", func(b *testing.B) {
		shell(b, "restore", "d=$(mktemp -d -p \"$1\"); zstd -dc \"$2\" | tar x -C $d", b.TempDir(), packed)
	})
}
