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
	"runtime"
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

// BenchmarkMounts saves and restores a large mount, and does the same with tar
// through zstd on the same disk, by turns. It reports the best of each, and how much
// memory the process took that saved and restored.
func BenchmarkMounts(b *testing.B) {
	dir, work := benchTree(b), b.TempDir()
	archive, packed := filepath.Join(work, "archive"), filepath.Join(work, "tar.zst")
	best := map[string]time.Duration{}
	size := int64(0)
	turn := func(name string, do func(into string) error) {
		into, err := os.MkdirTemp(work, "")
		if err != nil {
			b.Fatal(err)
		}
		defer os.RemoveAll(into)
		// What was written before must not be on its way to the disk meanwhile.
		unix.Sync()
		began := time.Now()
		if err := do(into); err != nil {
			b.Fatal(name, err)
		}
		took := time.Since(began)
		if old, ok := best[name]; !ok || took < old {
			best[name] = took
		}
	}
	shell := func(script string, args ...string) error {
		out, err := exec.Command("sh", append([]string{"-c", script, "sh"}, args...)...).CombinedOutput()
		if err != nil {
			err = fmt.Errorf("%w: %s", err, out)
		}
		return err
	}
	for b.Loop() {
		turn("save", func(string) (err error) {
			size, err = benchSave(archive, dir)
			return err
		})
		turn("tar-save", func(string) error { return shell(`tar c -C "$1" . | zstd -q -f -o "$2"`, dir, packed) })
		turn("restore", func(into string) error { return benchRestore(archive, size, into) })
		turn("tar-restore", func(into string) error { return shell(`zstd -dc "$1" | tar x -C "$2"`, packed, into) })
	}
	b.ReportMetric(0, "ns/op")
	for name, took := range best {
		b.ReportMetric(took.Seconds(), name+"-s")
	}
	for _, name := range []string{"save", "restore"} {
		b.ReportMetric(best[name].Seconds()/best["tar-"+name].Seconds(), name+"-of-tar")
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	b.ReportMetric(float64(memory.Sys)/1e6, "MB")
	if info, err := os.Stat(packed); err == nil {
		b.ReportMetric(float64(size)/float64(info.Size()), "size-of-tar")
	}
}

func benchSave(archive, dir string) (int64, error) {
	f, err := os.Create(archive)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	s, err := Save(f, SaveOptions{Dir: dir})
	if err != nil {
		return 0, err
	}
	return s.Size, f.Close()
}

func benchRestore(archive string, size int64, into string) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	in := io.MultiReader(f, strings.NewReader(Commit))
	s, err := Restore(in, func(Status) error { return nil }, RestoreOptions{Dir: into, Size: size})
	if err == nil && s.State != Restored {
		err = fmt.Errorf("the state is %s", s.State)
	}
	return err
}
