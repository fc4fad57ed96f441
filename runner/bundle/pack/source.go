package pack

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/planner/outside"
)

// maxIndex bounds the index of what a builder writes.
const maxIndex = 1 << 20

// source has a builder fetch a repository or a file, and takes in the image that it
// makes of it.
func (p *Packer) source(ctx context.Context, src outside.Source) (ocispecs.Descriptor, error) {
	r, w := io.Pipe()
	fetched := make(chan error, 1)
	go func() {
		err := p.Fetch(ctx, src, w)
		_ = w.CloseWithError(err) // nil is the end
		fetched <- err
	}()
	image, err := p.unpack(r)
	if err == nil {
		_, err = io.Copy(io.Discard, r) // what fills up the archive
	}
	_ = r.CloseWithError(err)
	if failed := <-fetched; failed != nil {
		return image, fmt.Errorf("having the builder fetch %s: %w", src.ID, failed)
	}
	return image, err
}

// unpack takes over the blobs of the tar of an OCI layout, and returns its image.
func (p *Packer) unpack(from io.Reader) (ocispecs.Descriptor, error) {
	var index ocispecs.Index
	files := tar.NewReader(from)
	for {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return ocispecs.Descriptor{}, fmt.Errorf("reading what the builder sends: %w", err)
		}
		name := path.Clean(h.Name)
		hex, blob := strings.CutPrefix(name, "blobs/sha256/")
		switch {
		case blob && h.Typeflag == tar.TypeReg:
			err = p.folder.Write(digest.NewDigestFromEncoded(digest.SHA256, hex), h.Size, files)
		case name == ocispecs.ImageIndexFile:
			err = json.NewDecoder(io.LimitReader(files, maxIndex)).Decode(&index)
		}
		if err != nil {
			return ocispecs.Descriptor{}, err
		}
	}
	if len(index.Manifests) != 1 {
		return ocispecs.Descriptor{}, fmt.Errorf("the builder has sent %d images, and not one", len(index.Manifests))
	}
	d := index.Manifests[0]
	return ocispecs.Descriptor{MediaType: d.MediaType, Digest: d.Digest, Size: d.Size}, nil
}
