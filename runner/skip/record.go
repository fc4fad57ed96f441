package skip

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	digest "github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/internal/registry"
)

const (
	// RecordType is the media type of a record, and the type of the artifact.
	RecordType = "application/vnd.orch.record.v1+json"
	// recordVersion counts up whenever a record means something else.
	recordVersion = 1
	// signatureKey is the annotation with the signature of a record.
	signatureKey = "build.orch.record.signature"
	// mostRecord bounds the size of a record that is read, in bytes.
	mostRecord = 1 << 20
)

// Record says which image came of an input.
type Record struct {
	Version int `json:"v"`
	// Input is the sum of all that made the image; see Input.
	Input string `json:"input"`
	// Publication and Image are the digests that it was made of.
	Publication string `json:"publication"`
	ImageInput  string `json:"imageInput"`
	// Repository and Lane are where the record belongs, so that it is worth
	// nothing elsewhere.
	Repository string `json:"repository,omitempty"`
	Lane       string `json:"lane,omitempty"`
	// Image is the index or manifest that tags point to.
	Image ocispecs.Descriptor `json:"image,omitzero"`
	// Closure are the manifests that belong to it, with their blobs.
	Closure []Manifest `json:"closure,omitempty"`
	// Platforms are the target's.
	Platforms []string `json:"platforms,omitempty"`
	// Size is the size of the image's file systems, unpacked.
	Size int64 `json:"size,omitempty"`
	// Tests is the sum of the tests that the image has passed, and TestNames
	// are their names.
	Tests     string   `json:"tests,omitempty"`
	TestNames []string `json:"testNames,omitempty"`
	// Files are what was written beside the image.
	Files []File `json:"files,omitempty"`
	// Bases are the images that the target was built on, with their digests.
	Bases map[string]string `json:"bases,omitempty"`
	// Orch, Run, Commit and Dirty say who built it, from what.
	Orch   string `json:"orch,omitempty"`
	Run    string `json:"run,omitempty"`
	Commit string `json:"commit,omitempty"`
	Dirty  bool   `json:"dirty,omitempty"`
	// Built is when.
	Built time.Time `json:"built"`
	// Rejected is why the record must not be believed, or "".
	Rejected string `json:"rejected,omitempty"`
}

// Manifest is a manifest of an image, with the blobs that it names.
type Manifest struct {
	ocispecs.Descriptor
	// Blobs are the configuration and the layers.
	Blobs []Blob `json:"blobs,omitempty"`
}

// Blob is a blob of an image.
type Blob struct {
	Digest digest.Digest `json:"digest"`
	Size   int64         `json:"size"`
}

// File is a file that a target wrote: what kind of output it is, and its sum.
type File struct {
	Kind string `json:"kind"`
	Sum  string `json:"sum"`
}

// Input is the key of a record: a sum over the digest of what is published and
// over what else a run decides of it.
func Input(publication string, more ...string) string {
	h := sha256.New()
	for _, s := range append([]string{fmt.Sprint("record ", recordVersion), publication}, more...) {
		fmt.Fprintf(h, "%d %s\n", len(s), s)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// tag is under which the record of an input is, in a lane.
func tag(lane, input string) string { return tagPrefix(lane) + input[:min(32, len(input))] }

func tagPrefix(lane string) string { return "orch-" + lane + "-" }

// empty is the configuration of an artifact that has none.
var empty = []byte("{}")

// encode makes the artifact of a record, signed if there is a key.
func (r *Record) encode(key *SigningKey) (m *registry.Manifest, blob []byte, err error) {
	data, err := json.Marshal(r)
	if err != nil {
		return nil, nil, fmt.Errorf("writing a record: %w", err)
	}
	out := ocispecs.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageManifest, ArtifactType: RecordType,
		Config: ocispecs.DescriptorEmptyJSON,
		Layers: []ocispecs.Descriptor{{MediaType: RecordType, Digest: digest.FromBytes(data), Size: int64(len(data)), Data: data}},
	}
	if r.Image.Digest != "" {
		out.Subject = &ocispecs.Descriptor{MediaType: r.Image.MediaType, Digest: r.Image.Digest, Size: r.Image.Size}
	}
	if key != nil {
		out.Annotations = map[string]string{signatureKey: key.sign(data)}
	}
	text, err := json.Marshal(out)
	if err != nil {
		return nil, nil, fmt.Errorf("writing a record: %w", err)
	}
	return &registry.Manifest{MediaType: out.MediaType, Data: text}, data, nil
}

// decode reads the record of an artifact, and verifies its signature if there is
// a key. A record that is rejected needs none.
func decode(data []byte, key VerifyKey) (*Record, error) {
	var m ocispecs.Manifest
	if len(data) > mostRecord || json.Unmarshal(data, &m) != nil || len(m.Layers) != 1 {
		return nil, errors.New("its record is not one of orch")
	}
	payload := m.Layers[0].Data
	if m.ArtifactType != RecordType || digest.FromBytes(payload) != m.Layers[0].Digest {
		return nil, errors.New("its record is not one of orch")
	}
	r := &Record{}
	if err := json.Unmarshal(payload, r); err != nil {
		return nil, errors.New("its record cannot be read")
	}
	if r.Version != recordVersion {
		return nil, fmt.Errorf("its record has version %d, and this orch reads version %d", r.Version, recordVersion)
	}
	if key != nil && r.Rejected == "" {
		if err := key.verify(payload, m.Annotations[signatureKey]); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// named says whether a record names an image in a form that can be asked for.
func (r *Record) named() bool {
	return len(r.Closure) > 0 && !slices.ContainsFunc(r.contents(), func(c content) bool {
		return c.Digest.Validate() != nil || c.Size < 0
	})
}

// believe says why a record must not take the place of a build of a target, or
// nil.
func (r *Record) believe(t *Target, repo, lane string, now time.Time) error {
	switch {
	case r.Rejected != "":
		return fmt.Errorf("its record was rejected: %s", r.Rejected)
	case r.Input != t.Input || r.Repository != repo || r.Lane != lane:
		return errors.New("its record is that of another input, repository or lane")
	case !slices.Equal(r.Platforms, t.Platforms):
		return errors.New("its record is for other platforms")
	case t.Tests != "" && r.Tests != t.Tests:
		return errors.New("its tests have not been passed by that image")
	case len(t.Refs) > 0 && !r.named():
		return errors.New("its record names no image")
	}
	if t.Skip.MaxAge == 0 {
		return nil
	}
	switch age := now.Sub(r.Built); {
	case age < 0:
		return fmt.Errorf("by the clock of this machine, that image was built in the future (%s), so that its age is not known", r.Built.Format(time.DateTime))
	case age > t.Skip.MaxAge:
		return fmt.Errorf("that image was built on %s, which is longer ago than max-age says", r.Built.Format(time.DateTime))
	}
	return nil
}
