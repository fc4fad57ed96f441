//go:build linux

package pack

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// Whatever an archive holds, nothing outside of the mount is touched, and a mount
// whose archive is refused is as it was.
func FuzzRestore(f *testing.F) {
	seed := func(headers ...*tar.Header) {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for _, h := range headers {
			if err := w.WriteHeader(h); err != nil {
				f.Fatal(err)
			}
		}
		_ = w.Close() // with files that are cut off
		f.Add(b.Bytes())
	}
	seed(&tar.Header{Name: "d", Typeflag: tar.TypeDir, Mode: 0o755}, &tar.Header{Name: "d/f", Typeflag: tar.TypeReg, Mode: 0o644})
	seed(&tar.Header{Name: "../out", Typeflag: tar.TypeReg}, &tar.Header{Name: "/out", Typeflag: tar.TypeReg})
	seed(&tar.Header{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "../out"}, &tar.Header{Name: "l/f", Typeflag: tar.TypeReg})
	seed(&tar.Header{Name: "h", Typeflag: tar.TypeLink, Linkname: "../out"}, &tar.Header{Name: "c", Typeflag: tar.TypeChar})
	f.Fuzz(func(t *testing.T, plain []byte) {
		z, err := zstd.NewWriter(nil)
		if err != nil {
			t.Fatal(err)
		}
		archive := z.EncodeAll(plain, nil)
		root := t.TempDir()
		mount := filepath.Join(root, "mount")
		if err := os.Mkdir(mount, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, "out"), []byte("canary"), 0o400); err != nil {
			t.Fatal(err)
		}
		before, err := os.Stat(filepath.Join(root, "out"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = restored(archive, Commit, RestoreOptions{Dir: mount, Limit: 1 << 20})
		if left, _ := os.ReadDir(mount); err != nil && len(left) > 0 {
			t.Errorf("%v, but %s is left", err, left[0].Name())
		}
		after, err := os.Stat(filepath.Join(root, "out"))
		if err != nil || after.Mode() != before.Mode() || !after.ModTime().Equal(before.ModTime()) || after.Size() != before.Size() {
			t.Errorf("the file beside the mount has changed: %v", err)
		}
		if beside, _ := os.ReadDir(root); len(beside) != 2 {
			t.Errorf("%d entries beside the mount", len(beside))
		}
	})
}
