// Package bundle reads bundles: OCI layout folders with all that the targets of a
// definition take from outside, and the lock that names it, for builds without a
// network. Images are there as their registries have them; a repository or a file
// is there as an image with what a builder makes of it.
//
// It does not know how a bundle comes about, nor what a builder does with it.
package bundle

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/config/lock"
	"github.com/orch-build/orch/internal/ocilayout"
	"github.com/orch-build/orch/internal/regular"
	"github.com/orch-build/orch/internal/shellquote"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/outside"
)

// StoreID is how a builder calls the bundle of a session.
const StoreID = "orch-bundle"

// The annotations of an entry in the index.
const (
	kindKey   = "build.orch.kind"
	nameKey   = "build.orch.name"
	pinKey    = "build.orch.pin"
	sourceKey = "build.orch.source"
	attrsKey  = "build.orch.attrs"
	// platformsKey says for which platforms an image is there.
	platformsKey = "build.orch.platforms"
)

// Entry is one thing in a bundle.
type Entry struct {
	lock.Key
	// Pin is what it is locked to.
	Pin string
	// Source and Attrs are how a definition names a repository or a file.
	Source string
	Attrs  map[string]string
	// Platforms are those for which an image is there; none are those of a bundle
	// that does not say so, which may be all.
	Platforms []string
	// Image is its manifest or its index in the bundle.
	Image ocispecs.Descriptor
}

// Same says whether two entries hold the same.
func (e *Entry) Same(other *Entry) bool {
	return e.Key == other.Key && e.Pin == other.Pin && e.Source == other.Source && attrsText(e.Attrs) == attrsText(other.Attrs)
}

func attrsText(attrs map[string]string) string {
	if len(attrs) == 0 {
		return ""
	}
	text, err := json.Marshal(attrs)
	if err != nil {
		panic(err) // strings can be written
	}
	return string(text)
}

// Descriptor is the entry as the index has it.
func (e *Entry) Descriptor() ocispecs.Descriptor {
	d := e.Image
	d.Annotations = map[string]string{kindKey: string(e.Kind), nameKey: e.Name, pinKey: e.Pin}
	if len(e.Platforms) > 0 {
		d.Annotations[platformsKey] = strings.Join(e.Platforms, ",")
	}
	if e.Source != "" {
		d.Annotations[sourceKey], d.Annotations[attrsKey] = e.Source, attrsText(e.Attrs)
	} else {
		d.Annotations[ocispecs.AnnotationRefName] = e.Name
	}
	return d
}

// Bundle is a folder. A nil Bundle has nothing.
type Bundle struct {
	Dir     string
	Entries []*Entry
}

// MaxIndex bounds an index or a manifest that is read, in bytes.
const MaxIndex = 64 << 20

// Open reads the index of a bundle.
func Open(dir string) (*Bundle, error) {
	data, err := regular.ReadFile(filepath.Join(dir, ocispecs.ImageIndexFile), MaxIndex)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading the bundle %s: it is not there, or not complete: %s writes it", dir, Mend(dir))
	}
	if err != nil {
		return nil, fmt.Errorf("reading the bundle %s: %w", dir, err)
	}
	return Decode(dir, data)
}

// ErrNone says that an index is not a bundle's.
var ErrNone = errors.New("it is an OCI layout, and not a bundle: orch bundle writes one")

// Decode reads the index of the bundle in a folder.
func Decode(dir string, data []byte) (*Bundle, error) {
	var index ocispecs.Index
	if err := json.Unmarshal(data, &index); err != nil {
		return nil, fmt.Errorf("reading the bundle %s: index.json: %w", dir, err)
	}
	b := &Bundle{Dir: dir}
	for _, d := range index.Manifests {
		e := &Entry{Key: lock.Key{Kind: lock.Kind(d.Annotations[kindKey]), Name: d.Annotations[nameKey]}, Pin: d.Annotations[pinKey], Source: d.Annotations[sourceKey]}
		if e.Kind == "" || e.Pin == "" {
			return nil, fmt.Errorf("reading the bundle %s: %w", dir, ErrNone)
		}
		if text := d.Annotations[attrsKey]; text != "" {
			if err := json.Unmarshal([]byte(text), &e.Attrs); err != nil {
				return nil, fmt.Errorf("reading the bundle %s: the attributes of %s: %w", dir, e.Name, err)
			}
		}
		if text := d.Annotations[platformsKey]; text != "" {
			e.Platforms = strings.Split(text, ",")
		}
		e.Image = ocispecs.Descriptor{MediaType: d.MediaType, Digest: d.Digest, Size: d.Size}
		b.Entries = append(b.Entries, e)
	}
	return b, nil
}

// Lock is the name of the lock in a bundle.
func Lock(dir string) string { return filepath.Join(dir, lock.FileName) }

// Path is where a blob is in a bundle.
func Path(dir string, d digest.Digest) string {
	return filepath.Join(dir, ocispecs.ImageBlobsDir, d.Algorithm().String(), d.Encoded())
}

// Blob reads a small blob, and holds it against its digest.
func (b *Bundle) Blob(text string) ([]byte, error) {
	d, err := digest.Parse(text)
	if err != nil {
		return nil, err
	}
	data, err := regular.ReadFile(Path(b.Dir, d), MaxIndex)
	if err != nil {
		return nil, err
	}
	if d.Algorithm().FromBytes(data) != d {
		return nil, fmt.Errorf("%s in the bundle %s is damaged", d, b.Dir)
	}
	return data, nil
}

// Layout is the entry of an image from an OCI layout, or nil.
func (b *Bundle) Layout(pin string) *Entry {
	if b == nil {
		return nil
	}
	for _, e := range b.Entries {
		if e.Kind == lock.Layout && e.Pin == pin {
			return e
		}
	}
	return nil
}

// Missing lists what a bundle lacks for some items, which a lock has: it has the
// whole of each image, for each platform that is taken.
func (b *Bundle) Missing(list *outside.List, held *lock.Lock) []outside.Missing {
	var out []outside.Missing
	for _, it := range list.Items {
		if it.Kind == lock.Layout {
			// One that is not there is a folder of the project.
			if e := b.Layout(it.Digest); e != nil {
				if why := ocilayout.Lacks(planner.Disk{}, filepath.ToSlash(b.Dir), e.Pin); why != "" {
					out = append(out, outside.Missing{Item: it, Why: "not whole in the bundle: " + why})
				}
			}
			continue
		}
		if e := held.Get(it.Kind, it.Name); e != nil {
			if why := b.lacks(it, e); why != "" {
				out = append(out, outside.Missing{Item: it, Why: why})
			}
		}
	}
	return out
}

func (b *Bundle) lacks(it *outside.Item, held *lock.Entry) string {
	found := false
	for _, e := range b.Entries {
		if e.Key != it.Key {
			continue
		}
		if e.Pin != held.Digest {
			return "in the bundle as another one, " + e.Pin
		}
		found = true
		if why := b.whole(it, e); why != "" {
			return why
		}
	}
	if !found {
		return "not in the bundle"
	}
	return ""
}

// whole says what an image of the bundle lacks.
func (b *Bundle) whole(it *outside.Item, e *Entry) string {
	platforms := it.Platforms
	if e.Source != "" || len(platforms) == 0 {
		platforms = []string{""}
	}
	for _, p := range platforms {
		blobs, err := Closure(e.Image, p, func(d ocispecs.Descriptor) ([]byte, error) { return b.Blob(d.Digest.String()) })
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errPlatform) {
			return "in the bundle without " + p
		}
		if err != nil {
			return err.Error()
		}
		for _, d := range blobs {
			if why := ocilayout.LacksBlob(planner.Disk{}, filepath.ToSlash(b.Dir), d); why != "" {
				return "not whole in the bundle: " + why
			}
		}
	}
	return ""
}

// Mend is the command that writes a bundle anew, as a part of a sentence.
func Mend(dir string) string {
	return shellquote.InText(shellquote.Command("orch", "bundle", "-o", dir))
}
