package cachemounts

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"testing"

	"github.com/klauspost/compress/zstd"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// The packed program is a folder with one file that can be run, the same each time,
// so that a builder takes it once.
func TestPacked(t *testing.T) {
	for _, p := range []ocispecs.Platform{{OS: "plan9", Architecture: "amd64"}, {}, {OS: "linux", Architecture: "s390x"}} {
		if Packed(p) != nil {
			t.Errorf("there is a program for %v, which has none", p)
		}
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
