package skip

import (
	"archive/tar"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"reflect"
	"slices"

	"crypto/sha256"

	"github.com/containerd/platforms"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/internal/registry"
	"github.com/orch-build/orch/internal/termtext"
)

// Image is what an audit compares of an image, by platform.
type Image map[string]Content

// Content is an image for one platform: what does not change with the time at
// which it was built.
type Content struct {
	// Layers are the sums of its layers, unpacked; Blobs are those of the layers as
	// they are stored.
	Layers, Blobs []digest.Digest
	// Config is the configuration, without times and history.
	Config map[string]any
	// Files are the files of an output that is not an image, by path.
	Files map[string]string
}

// AuditError says that a target was skipped that would have come out different.
type AuditError struct {
	Target string
	// Class is what differs: definition, layers, configuration, files or stored
	// content.
	Class, Text string
}

func (e *AuditError) Error() string {
	return fmt.Sprintf("%s: %s: %s", e.Target, e.Class, e.Text)
}

// Audited are the skipped targets that a run builds all the same: so many of a
// hundred as each says. The same seed chooses the same ones.
func (s *Session) Audited(seed string) []*Verdict {
	var out []*Verdict
	for _, name := range slices.Sorted(maps.Keys(s.Verdicts)) {
		v := s.Verdicts[name]
		sum := sha256.Sum256([]byte(seed + "\x00" + name))
		if len(v.Target.Refs)+len(v.Target.Files) > 0 && float64(binary.BigEndian.Uint32(sum[:])) < v.Target.Skip.Audit/100*(1<<32) {
			out = append(out, v)
		}
	}
	return out
}

// Stored reads all that a registry keeps of a skipped target, and holds it
// against its digests.
func (s *Skipper) Stored(ctx context.Context, v *Verdict) error {
	repo := v.Place.Repo
	for _, c := range v.Record.contents() {
		var err error
		if c.manifest {
			_, err = s.manifest(ctx, repo, c.Digest)
		} else {
			err = s.Client.Verify(ctx, repo, c.Digest, c.Size)
		}
		var answered *registry.Error
		switch {
		case err == nil:
		case errors.Is(err, registry.ErrOther):
			return &AuditError{v.Target.Build.Name(), "stored content", fmt.Sprintf("%s of %s is rotten: the registry has other bytes", c, repo)}
		case errors.As(err, &answered) && registry.Missing(err):
			return &AuditError{v.Target.Build.Name(), "stored content", fmt.Sprintf("%s of %s is gone", c, repo)}
		default:
			return err
		}
	}
	return nil
}

// Published is the image of a skipped target, as its registry has it; or what its
// first output has written, if it has no other.
func (s *Skipper) Published(ctx context.Context, v *Verdict) (Image, error) {
	if len(v.Target.Refs) == 0 {
		first := v.Target.Files[0]
		return first.read(first.Dest)
	}
	out := Image{}
	for _, m := range v.Record.Closure {
		if isAttestation(m.Descriptor) || len(m.Blobs) == 0 {
			continue
		}
		data, err := s.Client.Blob(ctx, v.Place.Repo, m.Blobs[0].Digest)
		if err == nil {
			var layers []digest.Digest
			for _, b := range m.Blobs[1:] {
				layers = append(layers, b.Digest)
			}
			err = out.add(data, layers)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func isAttestation(d ocispecs.Descriptor) bool {
	return d.Platform != nil && platforms.FormatAll(*d.Platform) == attestationPlatform
}

// add adds the image of a configuration and of layers.
func (img Image) add(config []byte, blobs []digest.Digest) error {
	var c ocispecs.Image
	var all map[string]any
	if err := errors.Join(json.Unmarshal(config, &c), json.Unmarshal(config, &all)); err != nil {
		return fmt.Errorf("reading the configuration of an image: %w", err)
	}
	for _, k := range []string{"created", "history", "rootfs", "moby.buildkit.buildinfo.v1", "moby.buildkit.cache.v0"} {
		delete(all, k)
	}
	img[platforms.FormatAll(platforms.Normalize(c.Platform))] = Content{Layers: c.RootFS.DiffIDs, Blobs: blobs, Config: all}
	return nil
}

// mostManifest bounds what is read of an archive into memory, for each file.
const mostManifest = 4 << 20

// ReadArchive reads the image in an OCI archive.
func ReadArchive(path string) (Image, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	small := map[string][]byte{}
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
		if h.Size > mostManifest {
			continue
		}
		if small[h.Name], err = io.ReadAll(r); err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
	}
	out := Image{}
	return out, out.walk(small, small["index.json"], 0)
}

// walk adds the images that an index or a manifest leads to.
func (img Image) walk(blobs map[string][]byte, data []byte, depth int) error {
	var m struct {
		Config            *ocispecs.Descriptor
		Manifests, Layers []ocispecs.Descriptor
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return fmt.Errorf("reading a manifest: %w", err)
	}
	blob := func(d digest.Digest) []byte {
		if d.Validate() != nil {
			return nil // which cannot be read as anything
		}
		return blobs["blobs/"+d.Algorithm().String()+"/"+d.Encoded()]
	}
	if m.Config != nil {
		var layers []digest.Digest
		for _, l := range m.Layers {
			layers = append(layers, l.Digest)
		}
		return img.add(blob(m.Config.Digest), layers)
	}
	if depth > 2 {
		return errors.New("reading a manifest: indexes in indexes")
	}
	for _, d := range m.Manifests {
		if isAttestation(d) {
			continue
		}
		if err := img.walk(blobs, blob(d.Digest), depth+1); err != nil {
			return err
		}
	}
	return nil
}

// Differs says what differs between two images: the class, and in words; "" is
// nothing.
func (img Image) Differs(other Image) (class, text string) {
	for _, p := range slices.Sorted(maps.Keys(img)) {
		a, b := img[p], other[p]
		if a.Files != nil {
			if text = differs(a.Files, b.Files); text != "" {
				return "files", text
			}
			continue
		}
		switch {
		case b.Config == nil:
			return "platforms", "it is not there for " + p
		case len(a.Layers) != len(b.Layers):
			return "layers", fmt.Sprintf("%s for %s, and %d before", termtext.Count(len(b.Layers), "layer"), p, len(a.Layers))
		}
		for i := range a.Layers {
			if a.Layers[i] != b.Layers[i] {
				return "layers", fmt.Sprintf("layer %d of %d for %s is another one", i+1, len(a.Layers), p)
			}
		}
		if k := a.otherField(b); k != "" {
			return "configuration", fmt.Sprintf("%q for %s is another one", k, p)
		}
	}
	return "", ""
}

// otherField is the first field of the configuration by which two images differ, or "".
func (c Content) otherField(other Content) string {
	for _, k := range slices.Sorted(maps.Keys(union(c.Config, other.Config))) {
		if !reflect.DeepEqual(c.Config[k], other.Config[k]) {
			return k
		}
	}
	return ""
}

func union[V any](a, b map[string]V) map[string]V {
	out := maps.Clone(a)
	maps.Copy(out, b)
	return out
}
