package skip

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"os"

	digest "github.com/opencontainers/go-digest"

	"github.com/orch-build/orch/internal/imagediff"
)

// sameFiles says whether a published image and one that was built into an archive
// have the same files and configurations, however their layers divide them. When
// the builder makes a layer, it compares the times of files with those below: these
// come from the context, and its cache and the digest leave them out.
func (a *Auditor) sameFiles(ctx context.Context, v *Verdict, published, built Image, path string) (bool, error) {
	opened := func(d digest.Digest) (io.ReadCloser, error) { return a.Session.Client.Open(ctx, v.Place.Repo, d) }
	if len(v.Target.Refs) == 0 {
		was, err := openArchive(v.Target.Files[0].Dest)
		if err != nil {
			return false, err
		}
		defer was.file.Close()
		opened = was.blob
	}
	is, err := openArchive(path)
	if err != nil {
		return false, err
	}
	defer is.file.Close()
	return published.sameFiles(built, opened, is.blob)
}

// sameFiles compares images by platform, whose blobs the functions open.
func (img Image) sameFiles(other Image, first, second func(digest.Digest) (io.ReadCloser, error)) (bool, error) {
	for p, a := range img {
		b := other[p]
		if len(a.Layers) != len(b.Layers) || a.otherField(b) != "" {
			return false, nil
		}
		was, err := a.files(first)
		if err != nil {
			return false, err
		}
		is, err := b.files(second)
		if err != nil {
			return false, err
		}
		if was.Differs(is) != "" {
			return false, nil
		}
	}
	return true, nil
}

// files are the files of an image.
func (c Content) files(open func(digest.Digest) (io.ReadCloser, error)) (*imagediff.Files, error) {
	out := &imagediff.Files{}
	for i, d := range c.Blobs {
		r, err := open(d)
		if err == nil {
			err = out.Apply(r)
			r.Close()
		}
		if err != nil {
			return nil, fmt.Errorf("reading layer %d: %w", i+1, err)
		}
	}
	return out, nil
}

// archive is an OCI archive whose blobs are read where they lie in it.
type archive struct {
	file  *os.File
	blobs map[string][2]int64 // by the name: the offset and the size
}

func openArchive(path string) (*archive, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	out := &archive{f, map[string][2]int64{}}
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if err == io.EOF {
			return out, nil
		}
		var at int64
		if err == nil {
			at, err = f.Seek(0, io.SeekCurrent) // a reader of archives reads no further than the header
		}
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
		out.blobs[h.Name] = [2]int64{at, h.Size}
	}
}

// blob opens a blob.
func (a *archive) blob(d digest.Digest) (io.ReadCloser, error) {
	if err := d.Validate(); err != nil {
		return nil, err
	}
	at, ok := a.blobs["blobs/"+d.Algorithm().String()+"/"+d.Encoded()]
	if !ok {
		return nil, fmt.Errorf("%s is not in %s", d, a.file.Name())
	}
	return io.NopCloser(io.NewSectionReader(a.file, at[0], at[1])), nil
}
