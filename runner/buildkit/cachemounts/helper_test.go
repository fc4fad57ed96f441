package cachemounts

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// The packed program is a folder with one file that can be run, the same each time,
// so that a builder takes it once.
func TestPacked(t *testing.T) {
	if Packed("plan9/amd64") != nil || Packed("nonsense/") != nil || Packed("linux/s390x") != nil {
		t.Error("there is a program for a platform that has none")
	}
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	h := &Helper{path: "orch-mounts-linux-amd64", packed: z.EncodeAll([]byte("a program"), nil)}
	var times []int64
	for range 2 {
		dir, err := h.FS()
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		err = dir.Walk(context.Background(), "", func(path string, d fs.DirEntry, err error) error {
			names = append(names, path)
			info, infoErr := d.Info()
			if err != nil || infoErr != nil {
				t.Fatal(err, infoErr)
			}
			if info.Mode() != 0o755 || info.Size() != 9 {
				t.Errorf("mode %v, size %d", info.Mode(), info.Size())
			}
			times = append(times, info.ModTime().UnixNano())
			return nil
		})
		if err != nil || len(names) != 1 || "/"+names[0] != h.place() {
			t.Errorf("has %v (%v), want %s", names, err, h.place())
		}
		f, err := dir.Open(names[0])
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(f)
		if err != nil || !bytes.Equal(data, []byte("a program")) {
			t.Errorf("has %q (%v)", data, err)
		}
	}
	if len(times) != 2 || times[0] != times[1] {
		t.Errorf("times %v", times)
	}
	h.packed = []byte("damaged")
	if _, err := h.FS(); err == nil {
		t.Error("a damaged program is taken")
	}
}
