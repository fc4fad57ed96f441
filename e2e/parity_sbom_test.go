//go:build linux

package e2e

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// scanner is a program by BuildKit's scanner protocol: it is told in the
// environment what to scan and where to write, and writes an in-toto statement
// for each thing scanned. This one lists the names of files.
const scanner = `#!/bin/sh
scan() {
	files=""
	for f in "$1"/*; do files="$files{\"fileName\":\"${f##*/}\"},"; done
	echo "{\"_type\":\"https://in-toto.io/Statement/v0.1\",\"predicateType\":\"https://spdx.dev/Document\",\"predicate\":{\"name\":\"${1##*/}\",\"comment\":\"depth ${BUILDKIT_SCAN_SCAN_DEPTH:-1}\",\"files\":[${files%,}]}}" >"$BUILDKIT_SCAN_DESTINATION/${1##*/}.spdx.json"
}
scan "$BUILDKIT_SCAN_SOURCE"
if [ -n "$BUILDKIT_SCAN_SOURCE_EXTRAS" ]; then
	for dir in "$BUILDKIT_SCAN_SOURCE_EXTRAS"/*; do scan "$dir"; done
fi
`

// pushScanner pushes an image with the scanner in a static shell.
func pushScanner(t *testing.T) string {
	t.Helper()
	shell, err := os.ReadFile(filepath.Join(shared.busybox, "bin/busybox"))
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, f := range []struct {
		name string
		data []byte
	}{{"bin/sh", shell}, {"scan", []byte(scanner)}} {
		if err := w.WriteHeader(&tar.Header{Name: f.name, Mode: 0o755, Size: int64(len(f.data)), ModTime: time.Unix(epoch, 0)}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(f.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(buf.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	img, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		t.Fatal(err)
	}
	img, err = mutate.ConfigFile(img, &v1.ConfigFile{
		OS: "linux", Architecture: "amd64", Created: v1.Time{Time: time.Unix(epoch, 0)},
		Config: v1.Config{Entrypoint: []string{"/scan"}}, RootFS: rootFS(t, img), History: []v1.History{{CreatedBy: "scanner"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.NewTag(shared.registry+"/parity/scanner:v1", name.Insecure)
	if err == nil {
		err = remote.Write(ref, img)
	}
	if err != nil {
		t.Fatal(err)
	}
	return ref.String()
}
