package layout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// Mend removes the blobs of a layout that are not what their names say, since nobody writes
// a blob again that is there. All are read only if one that the index leads to is gone or
// has another size, or if the layout is distrusted; else nothing is done.
func Mend(ctx context.Context, dir string, distrust bool) error {
	if !distrust && whole(dir) {
		return nil
	}
	algorithms, err := os.ReadDir(filepath.Join(dir, ocispecs.ImageBlobsDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking for damaged blobs: %w", err)
	}
	for _, a := range algorithms {
		if !digest.Algorithm(a.Name()).Available() || !a.IsDir() {
			continue
		}
		blobs, err := os.ReadDir(filepath.Join(dir, ocispecs.ImageBlobsDir, a.Name()))
		if err != nil {
			return fmt.Errorf("looking for damaged blobs: %w", err)
		}
		for _, b := range blobs {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			d := digest.NewDigestFromEncoded(digest.Algorithm(a.Name()), b.Name())
			path := filepath.Join(dir, ocispecs.ImageBlobsDir, a.Name(), b.Name())
			if d.Validate() != nil || !b.Type().IsRegular() || matches(path, d) {
				continue
			}
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("removing a damaged blob: %w", err)
			}
		}
	}
	return nil
}

// whole says whether all that the index of a layout leads to is there and has its size,
// and the lists on the way are what their names say.
func whole(dir string) bool {
	data, err := os.ReadFile(filepath.Join(dir, ocispecs.ImageIndexFile))
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	seen := map[digest.Digest]bool{}
	var below func(data []byte, depth int) bool
	below = func(data []byte, depth int) bool {
		var list struct {
			Manifests, Layers []ocispecs.Descriptor
			Config            *ocispecs.Descriptor
		}
		if json.Unmarshal(data, &list) != nil {
			return false
		}
		if list.Config != nil {
			list.Layers = append(list.Layers, *list.Config)
		}
		for _, d := range append(list.Layers, list.Manifests...) {
			info, err := os.Stat(blobPath(dir, d.Digest))
			if err != nil || info.Size() != d.Size {
				return false
			}
			// A cache lists its blobs as an index lists manifests.
			if !isList(d.MediaType) || seen[d.Digest] || depth == 0 {
				continue
			}
			seen[d.Digest] = true
			data, err := os.ReadFile(blobPath(dir, d.Digest))
			if err != nil || digest.FromBytes(data) != d.Digest || !below(data, depth-1) {
				return false
			}
		}
		return true
	}
	const depth = 4 // of an index in an index, with some to spare
	return below(data, depth)
}

func isList(mediaType string) bool {
	switch mediaType {
	case ocispecs.MediaTypeImageIndex, ocispecs.MediaTypeImageManifest,
		"application/vnd.docker.distribution.manifest.list.v2+json", "application/vnd.docker.distribution.manifest.v2+json":
		return true
	}
	return false
}

// blobPath is where a blob is; of a digest that is none, where there is nothing.
func blobPath(dir string, d digest.Digest) string {
	if d.Validate() != nil {
		return filepath.Join(dir, ocispecs.ImageBlobsDir, "none")
	}
	return filepath.Join(dir, ocispecs.ImageBlobsDir, d.Algorithm().String(), d.Encoded())
}

// matches says whether a file has a digest. One that cannot be read is left as it is.
func matches(path string, d digest.Digest) bool {
	file, err := os.Open(path)
	if err != nil {
		return true
	}
	defer file.Close()
	sum := d.Verifier()
	_, err = io.Copy(sum, file)
	return err != nil || sum.Verified()
}
