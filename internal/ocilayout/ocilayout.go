// Package ocilayout finds the image that is meant in an OCI layout folder, and says
// what of it is not there. It reads the index and the manifests: it does not know
// what layers and configurations hold.
package ocilayout

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/internal/termtext"
)

// Files is what a layout is read through; names have slashes.
type Files interface {
	ReadFile(path string) ([]byte, error)
	Stat(path string) (fs.FileInfo, error)
}

// Split parts PATH, PATH:TAG, PATH@DIGEST or PATH:TAG@DIGEST. Of what is not
// written, "" is returned. The digest says which image is meant, whatever the tag.
func Split(ref string) (path, tag, digest string) {
	path, digest, _ = strings.Cut(ref, "@")
	if i := strings.LastIndexByte(path, ':'); i > strings.LastIndexByte(path, '/') {
		path, tag = path[:i], path[i+1:]
	}
	return path, tag, digest
}

// Image parts a reference to a layout into its folder and the digest that is meant.
func Image(files Files, ref string) (dir, dgst string, err error) {
	dir, tag, dgst := Split(ref)
	if dgst != "" {
		return dir, dgst, nil
	}
	index, err := readSmall(files, path.Join(dir, ocispecs.ImageIndexFile))
	if err != nil {
		return dir, "", err
	}
	dgst, err = Find(index, tag)
	return dir, dgst, err
}

// The annotations that name an image, in the order in which they are asked.
var nameAnnotations = []string{"io.containerd.image.name", ocispecs.AnnotationRefName}

// Find returns the digest of the image with a tag. The tag "" means "latest",
// or else the only image that there is. A name is a tag or a whole reference, which
// has one. The only image is also what any tag means if it has no name.
func Find(index []byte, tag string) (string, error) {
	var read struct{ Manifests []ocispecs.Descriptor }
	if err := json.Unmarshal(index, &read); err != nil {
		return "", errors.New("its index.json is not that of an OCI layout")
	}
	want := tag
	if want == "" {
		want = "latest"
	}
	named := false
	tags, tagged, digests := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, key := range nameAnnotations {
		for _, m := range read.Manifests {
			d := m.Digest.String()
			digests[d] = true
			name := m.Annotations[key]
			if name == want {
				return d, nil
			}
			if name != "" {
				named = true
			}
			if of := tagOf(name); of != "" {
				tags[of] = true
				if of == want {
					tagged[d] = true
				}
			}
		}
	}
	switch {
	case len(tagged) == 1:
		return sorted(tagged)[0], nil
	case len(tagged) > 1:
		return "", fmt.Errorf("it has %d images with the tag %q; write @ and the digest of one: %s", len(tagged), want, strings.Join(sorted(tagged), ", "))
	case len(digests) == 1 && (tag == "" || !named):
		return sorted(digests)[0], nil
	case len(digests) == 0:
		return "", errors.New("it has no image")
	}
	err := fmt.Errorf("it has no image with the tag %q", want)
	if list := sorted(tags); len(list) > 0 {
		err = fmt.Errorf("%w; there are %s", err, strings.Join(list[:min(len(list), 20)], ", "))
	}
	return "", err
}

func sorted(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }

// tagOf is the tag in a name, which is a tag alone or a whole reference; a reference
// need not have one.
func tagOf(name string) string {
	name, _, _ = strings.Cut(name, "@")
	repo, tag, _ := Split(name)
	if tag == "" && !strings.Contains(repo, "/") {
		return repo
	}
	return tag
}

// maxManifest bounds an index or a manifest that is read, in bytes.
const maxManifest = 64 << 20

// readSmall reads a file that may be anything: a reader would wait at a FIFO for ever.
func readSmall(files Files, name string) ([]byte, error) {
	info, err := files.Stat(name)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a file", name)
	case info.Size() > maxManifest:
		return nil, fmt.Errorf("%s is larger than %d bytes", name, maxManifest)
	}
	return files.ReadFile(name)
}

// Blob reads a small blob of the layout in a folder, and holds it against its digest.
func Blob(files Files, dir string, d digest.Digest) ([]byte, error) {
	if err := d.Validate(); err != nil {
		return nil, fmt.Errorf("%q: %w", d, err)
	}
	data, err := readSmall(files, blobPath(dir, d))
	if err != nil {
		return nil, err
	}
	if d.Algorithm().FromBytes(data) != d {
		return nil, fmt.Errorf("%s is damaged", d)
	}
	return data, nil
}

func blobPath(dir string, d digest.Digest) string {
	return path.Join(dir, ocispecs.ImageBlobsDir, d.Algorithm().String(), d.Encoded())
}

// Lacks says what the image with a digest lacks in the layout in a folder, or "".
// What of an index is not there is for platforms that nobody has fetched.
func Lacks(files Files, dir, pin string) string {
	top := ocispecs.Descriptor{Digest: digest.Digest(pin)}
	blobs, err := Reach(top, func(d digest.Digest) ([]byte, error) { return Blob(files, dir, d) })
	if errors.Is(err, fs.ErrNotExist) {
		return pin + " is not there"
	}
	if err != nil {
		return err.Error()
	}
	delete(blobs, top.Digest) // it has been read
	for _, d := range slices.Sorted(maps.Keys(blobs)) {
		if why := LacksBlob(files, dir, blobs[d]); why != "" {
			return why
		}
	}
	return ""
}

// LacksBlob says what a blob of the layout in a folder lacks, as far as that can be seen
// without reading it.
func LacksBlob(files Files, dir string, d ocispecs.Descriptor) string {
	info, err := files.Stat(blobPath(dir, d.Digest))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Sprintf("%s is not there", d.Digest)
	case err != nil:
		return err.Error()
	case info.Size() != d.Size:
		return fmt.Sprintf("%s has %d of %s", d.Digest, info.Size(), termtext.Count(int(d.Size), "byte"))
	}
	return ""
}

// Reach lists the blobs of an image that is in a layout, for all of the platforms that
// it is there for, itself among them. read reads manifests and indexes.
func Reach(top ocispecs.Descriptor, read func(digest.Digest) ([]byte, error)) (map[digest.Digest]ocispecs.Descriptor, error) {
	out := map[digest.Digest]ocispecs.Descriptor{}
	next := []ocispecs.Descriptor{top}
	for len(next) > 0 {
		d := next[0]
		next = next[1:]
		data, err := read(d.Digest)
		if err != nil && d.Digest == top.Digest {
			return nil, err
		}
		if _, known := out[d.Digest]; known || err != nil {
			continue // one that is not there is for a platform that is not taken
		}
		out[d.Digest] = d
		var m struct {
			Config    *ocispecs.Descriptor
			Layers    []ocispecs.Descriptor
			Manifests []ocispecs.Descriptor
		}
		if err := json.Unmarshal(data, &m); err != nil {
			return nil, fmt.Errorf("reading the manifest %s: %w", d.Digest, err)
		}
		if m.Config != nil {
			out[m.Config.Digest] = *m.Config
		}
		for _, l := range m.Layers {
			out[l.Digest] = l
		}
		next = append(next, m.Manifests...)
	}
	for d := range out {
		if err := d.Validate(); err != nil {
			return nil, fmt.Errorf("the blob %q: %w", d, err)
		}
	}
	return out, nil
}
