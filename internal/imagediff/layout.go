package imagediff

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/internal/lazyregexp"
)

// mostDocument bounds the documents that are read into memory.
const mostDocument = 8 << 20

// image is the one image of a layout.
type image struct {
	dir  string
	root ocispecs.Descriptor
	// platforms are its images for each platform; around are the fields of the
	// indexes that lead to them.
	platforms map[string]*manifest
	around    map[string]string
}

// manifest is an image for one platform.
type manifest struct {
	ocispecs.Manifest
	desc    ocispecs.Descriptor
	history []ocispecs.History
	// config and around are the fields of the configuration and of the manifest.
	config, around map[string]string
}

// open reads the documents of a layout.
func open(dir string) (*image, error) {
	img := &image{dir: dir, platforms: map[string]*manifest{}, around: map[string]string{}}
	data, err := os.ReadFile(filepath.Join(dir, ocispecs.ImageIndexFile))
	if err != nil {
		return nil, err
	}
	var index ocispecs.Index
	if err := json.Unmarshal(data, &index); err != nil {
		return nil, fmt.Errorf("reading the index of %s: %w", dir, err)
	}
	if len(index.Manifests) != 1 {
		return nil, fmt.Errorf("%s holds %d images, and not one", dir, len(index.Manifests))
	}
	img.root = index.Manifests[0]
	if err := img.walk(img.root, 0); err != nil {
		return nil, fmt.Errorf("reading the image in %s: %w", dir, err)
	}
	return img, nil
}

// walk reads what a descriptor leads to.
func (img *image) walk(d ocispecs.Descriptor, depth int) error {
	data, err := img.read(d)
	if err != nil {
		return err
	}
	var index ocispecs.Index
	if err := json.Unmarshal(data, &index); err != nil {
		return err
	}
	if len(index.Manifests) == 0 {
		return img.add(d, data)
	}
	if depth > 2 {
		return errors.New("indexes in indexes")
	}
	fields, err := flatten(data, func(path string) bool { return follows.MatchString(path) })
	if err != nil {
		return err
	}
	for path, v := range fields {
		img.around[path] = v
	}
	for _, child := range index.Manifests {
		if err := img.walk(child, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// follows matches fields that follow from what they lead to.
var follows = lazyregexp.New(`(^|\.)(digest|size)$|vnd\.docker\.reference\.digest$|rootfs\.diff_ids|^layers\[\d+\]$`)

// add reads the image for one platform.
func (img *image) add(d ocispecs.Descriptor, data []byte) error {
	m := &manifest{desc: d}
	if err := json.Unmarshal(data, &m.Manifest); err != nil {
		return err
	}
	if d.Platform != nil && d.Platform.OS == "unknown" {
		return nil // attestations, which name times
	}
	config, err := img.read(m.Config)
	if err != nil {
		return err
	}
	var c ocispecs.Image
	if err := json.Unmarshal(config, &c); err != nil {
		return fmt.Errorf("reading the configuration: %w", err)
	}
	m.history = c.History
	skip := func(path string) bool { return follows.MatchString(path) }
	if m.config, err = flatten(config, skip); err != nil {
		return err
	}
	if m.around, err = flatten(data, skip); err != nil {
		return err
	}
	img.platforms[platformOf(&c.Platform)] = m
	return nil
}

// read reads a document.
func (img *image) read(d ocispecs.Descriptor) ([]byte, error) {
	if err := d.Digest.Validate(); err != nil {
		return nil, err
	}
	if d.Size > mostDocument {
		return nil, fmt.Errorf("%s has %d bytes, which is too much for a document", d.Digest, d.Size)
	}
	return os.ReadFile(img.blob(d.Digest))
}

// blob is the file of a blob.
func (img *image) blob(d digest.Digest) string {
	return filepath.Join(img.dir, ocispecs.ImageBlobsDir, d.Algorithm().String(), d.Encoded())
}

// builderNoise is what the builder adds to the text of a step.
var builderNoise = lazyregexp.New(`^(RUN )?(\|\d+ .*)?/bin/sh -c (#\(nop\)\s*)?| # buildkit$`)

// steps are the instructions that made the layers.
func (m *manifest) steps() []string {
	var out []string
	for _, h := range m.history {
		if h.EmptyLayer {
			continue
		}
		text := strings.TrimSuffix(h.CreatedBy, " # buildkit")
		if at := builderNoise.FindStringIndex(text); at != nil && at[0] == 0 {
			text = "RUN " + text[at[1]:]
		}
		out = append(out, short(strings.Join(strings.Fields(text), " ")))
	}
	return out
}
