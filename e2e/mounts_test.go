//go:build linux

package e2e

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/orch-build/orch/runner/mounts/store"
)

// cmdMounts spoils what is kept of cache mounts in a folder: "mounts
// truncate|hostile DIR".
func cmdMounts(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mounts truncate|hostile DIR")
	}
	dir := ts.MkAbs(args[1])
	data, err := os.ReadFile(filepath.Join(dir, ocispecs.ImageIndexFile))
	ts.Check(err)
	var index ocispecs.Index
	ts.Check(json.Unmarshal(data, &index))
	found := false
	for _, m := range index.Manifests {
		tag := m.Annotations[ocispecs.AnnotationRefName]
		if !strings.Contains(tag, "...") {
			continue
		}
		found = true
		s := store.Folder(dir, tag)
		e, err := s.Load(context.Background())
		ts.Check(err)
		if args[0] == "truncate" {
			ts.Check(os.Truncate(filepath.Join(dir, "blobs", "sha256", e.Layer.Digest.Encoded()), e.Layer.Size/2))
			continue
		}
		archive := hostileArchive(ts)
		e.Layer.Digest, e.Layer.Size = digest.FromBytes(archive), int64(len(archive))
		ts.Check(s.Save(context.Background(), e, bytes.NewReader(archive)))
	}
	if !found {
		ts.Fatalf("no mount is kept in %s", dir)
	}
}

// hostileArchive has a file that leads out of the mount, behind a good one.
func hostileArchive(ts *testscript.TestScript) []byte {
	var out bytes.Buffer
	z, err := zstd.NewWriter(&out)
	ts.Check(err)
	w := tar.NewWriter(z)
	for _, name := range []string{"log", "../../orch-mount-evil"} {
		ts.Check(w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: 4}))
		_, err := w.Write([]byte("evil"))
		ts.Check(err)
	}
	ts.Check(errors.Join(w.Close(), z.Close()))
	return out.Bytes()
}
