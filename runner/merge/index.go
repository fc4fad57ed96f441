package merge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/containerd/platforms"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/orch-build/orch/internal/registry"
	"github.com/orch-build/orch/runner"
)

const (
	// parallel is how many indexes are made at the same time.
	parallel = 8
	// dockerList is the media type of an index as Docker has it.
	dockerList = "application/vnd.docker.distribution.manifest.list.v2+json"
	// refersTo is the annotation of an attestation's manifest that names what it
	// is about.
	refersTo = "vnd.docker.reference.digest"
)

// Registry is what is needed of registries.
type Registry interface {
	Manifest(ctx context.Context, ref registry.Ref) (*registry.Manifest, error)
	Put(ctx context.Context, ref registry.Ref, m *registry.Manifest) error
}

// Piece is the image of a target for some of its platforms.
type Piece struct {
	// From is what messages call the builder or the job that has it.
	From      string
	Platforms []string
	// Skipped says that it was not built: the image has all platforms of the target,
	// of which these are taken.
	Skipped bool
	// Digest, Unpublished and Metadata are from the piece's result.
	Digest      string
	Unpublished []runner.Tag
	Metadata    map[string]any
}

// Indexes makes one image of each target whose platforms were built apart, under
// its digest, in each repository that it has tags in. The tags of the report
// point to that from then on.
func (m *Merged) Indexes(ctx context.Context, reg Registry) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for _, s := range m.splits {
		group.Go(func() error {
			var pieces []Piece
			for _, p := range s.parts {
				pieces = append(pieces, Piece{p.from.Path, p.piece.Platforms, p.Skipped != nil, p.Digest, p.Unpublished, p.Metadata})
			}
			if err := Join(ctx, reg, s.all, pieces, s.report.Result); err != nil {
				return fmt.Errorf("target %q: %w", s.report.Name(), err)
			}
			return nil
		})
	}
	return group.Wait()
}

// pieces is an image that is made of them.
type pieces struct {
	all    []string // the platforms, in their order
	parts  []Piece
	result *runner.Result
}

// Join makes one image of the pieces of a target, under its digest, in each
// repository that it has tags in. all are the platforms of the target, in their
// order. The tags of the result point to that image from then on.
func Join(ctx context.Context, reg Registry, all []string, parts []Piece, result *runner.Result) error {
	s := &pieces{all, parts, result}
	if err := s.join(ctx, reg); err != nil {
		return fmt.Errorf("making one image of its platforms: %w", err)
	}
	return nil
}

// joined is one index that was made.
type joined struct {
	desc   ocispecs.Descriptor
	pieces []string // the digests that it was made of
}

// join makes the index of a target.
func (s *pieces) join(ctx context.Context, reg Registry) error {
	tags, err := s.tags()
	if err != nil {
		return err
	}
	made := map[string]*joined{}
	var out []runner.Tag
	for _, tag := range tags {
		ref, err := registry.Name{Text: tag.name, Insecure: tag.insecure}.Parse()
		if err != nil {
			return err
		}
		key := fmt.Sprint(ref.Repo, tag.pieces)
		if made[key] == nil {
			if made[key], err = s.index(ctx, reg, ref.Repo, tag.pieces); err != nil {
				return err
			}
		}
		out = append(out, runner.Tag{Name: tag.name, Insecure: tag.insecure, Digest: made[key].desc.Digest.String()})
		if tag.pieces[0] == s.parts[0].Digest {
			s.take(made[key].desc)
		}
	}
	s.result.Unpublished = out
	return nil
}

// piecesOf are the digests that a tag has in the parts of a target.
type piecesOf struct {
	name     string
	insecure bool
	pieces   []string
}

// tags lists the tags of a target. All parts must have the same.
func (s *pieces) tags() ([]piecesOf, error) {
	var out []piecesOf
	for _, tag := range s.parts[0].Unpublished {
		one := piecesOf{name: tag.Name, insecure: tag.Insecure}
		for _, p := range s.parts {
			i := slices.IndexFunc(p.Unpublished, func(t runner.Tag) bool { return t.Name == tag.Name })
			if i < 0 || len(p.Unpublished) != len(s.parts[0].Unpublished) {
				return nil, fmt.Errorf("%s and %s do not have the same tags", s.parts[0].From, p.From)
			}
			one.pieces = append(one.pieces, p.Unpublished[i].Digest)
		}
		out = append(out, one)
	}
	return out, nil
}

// index makes the index of some pieces in a repository, and stores it there.
func (s *pieces) index(ctx context.Context, reg Registry, repo registry.Repo, digests []string) (*joined, error) {
	indexes := make([]*ocispecs.Index, len(digests))
	group, gctx := errgroup.WithContext(ctx)
	var mu sync.Mutex
	for i, d := range digests {
		group.Go(func() error {
			index, err := readIndex(gctx, reg, registry.Ref{Repo: repo, Tag: d})
			if err != nil {
				return fmt.Errorf("%s: %w", s.parts[i].From, err)
			}
			mu.Lock()
			indexes[i] = index
			mu.Unlock()
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	desc, data, err := Compose(s.all, s.parts, indexes)
	if err != nil {
		return nil, err
	}
	desc.Annotations = s.described()
	if err := reg.Put(ctx, registry.Ref{Repo: repo, Tag: desc.Digest.String()}, &registry.Manifest{MediaType: desc.MediaType, Data: data}); err != nil {
		return nil, fmt.Errorf("storing it in %s: %w", repo, err)
	}
	return &joined{desc: *desc, pieces: digests}, nil
}

// readIndex reads the index that a shard has pushed.
func readIndex(ctx context.Context, reg Registry, ref registry.Ref) (*ocispecs.Index, error) {
	m, err := reg.Manifest(ctx, ref)
	if err != nil {
		return nil, fmt.Errorf("reading %s@%s: %w", ref.Repo, ref.Tag, err)
	}
	index := &ocispecs.Index{}
	if err := json.Unmarshal(m.Data, index); err != nil {
		return nil, fmt.Errorf("reading %s@%s: %w", ref.Repo, ref.Tag, err)
	}
	if index.MediaType != ocispecs.MediaTypeImageIndex && index.MediaType != dockerList {
		return nil, fmt.Errorf("%s@%s is not an index, but %q", ref.Repo, ref.Tag, index.MediaType)
	}
	return index, nil
}

// Compose is the index that a builder makes of all platforms, and its bytes: the
// images in the order of the platforms, and behind them what is said of each.
// indexes are the pieces' indexes.
func Compose(all []string, parts []Piece, indexes []*ocispecs.Index) (*ocispecs.Descriptor, []byte, error) {
	whole, err := compose(all, parts, indexes)
	if err != nil {
		return nil, nil, err
	}
	data, err := json.MarshalIndent(whole, "", "  ")
	if err != nil {
		return nil, nil, err
	}
	return &ocispecs.Descriptor{MediaType: whole.MediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}, data, nil
}

func compose(all []string, parts []Piece, indexes []*ocispecs.Index) (*ocispecs.Index, error) {
	out := *indexes[0]
	out.Manifests = nil
	images, about := map[string]ocispecs.Descriptor{}, map[digest.Digest][]ocispecs.Descriptor{}
	for i, index := range indexes {
		if index.MediaType != out.MediaType {
			return nil, fmt.Errorf("%s and %s have images of different kinds", parts[0].From, parts[i].From)
		}
		left := parts[i].Platforms
		manifests := index.Manifests
		if parts[i].Skipped {
			manifests = only(manifests, left)
		}
		for _, d := range manifests {
			if subject := d.Annotations[refersTo]; subject != "" {
				about[digest.Digest(subject)] = append(about[digest.Digest(subject)], d)
				continue
			}
			if len(left) == 0 {
				return nil, fmt.Errorf("the image of %s has more platforms than were to be built there", parts[i].From)
			}
			images[left[0]] = d
			left = left[1:]
		}
		if len(left) > 0 {
			return nil, fmt.Errorf("the image of %s lacks %s", parts[i].From, someOf(left))
		}
	}
	var behind []ocispecs.Descriptor
	for _, pl := range all {
		d, ok := images[pl]
		if !ok {
			return nil, errors.New("nobody has built " + pl)
		}
		out.Manifests = append(out.Manifests, d)
		behind = append(behind, about[d.Digest]...)
	}
	out.Manifests = append(out.Manifests, behind...)
	return &out, nil
}

// only are the images for some platforms, in their order, and what is said of them.
func only(all []ocispecs.Descriptor, wanted []string) []ocispecs.Descriptor {
	var out []ocispecs.Descriptor
	for _, pl := range wanted {
		for _, d := range all {
			if d.Annotations[refersTo] == "" && platformOf(d) == pl {
				out = append(out, d)
			}
		}
	}
	taken := map[string]bool{}
	for _, d := range out {
		taken[d.Digest.String()] = true
	}
	for _, d := range all {
		if taken[d.Annotations[refersTo]] {
			out = append(out, d)
		}
	}
	return out
}

// platformOf is the platform of an image in an index, as plans write it.
func platformOf(d ocispecs.Descriptor) string {
	if d.Platform == nil {
		return ""
	}
	return platforms.FormatAll(platforms.Normalize(*d.Platform))
}

// descriptorKey is where the metadata have the descriptor of the image, and
// digestKey its digest.
const (
	descriptorKey = "containerimage.descriptor"
	digestKey     = "containerimage.digest"
)

// described are the annotations that the descriptor of the index has.
func (s *pieces) described() map[string]string {
	raw, ok := s.parts[0].Metadata[descriptorKey].(json.RawMessage)
	if !ok {
		return nil
	}
	var d ocispecs.Descriptor
	if json.Unmarshal(raw, &d) != nil {
		return nil
	}
	return d.Annotations
}

// take puts the index in the place of the image of the first part.
func (s *pieces) take(d ocispecs.Descriptor) {
	res := s.result
	res.Digest = d.Digest.String()
	if res.Metadata == nil {
		res.Metadata = map[string]any{}
	}
	if _, ok := s.parts[0].Metadata[digestKey]; ok {
		res.Metadata[digestKey] = res.Digest
	}
	if _, ok := s.parts[0].Metadata[descriptorKey]; ok {
		if data, err := json.Marshal(d); err == nil {
			res.Metadata[descriptorKey] = json.RawMessage(data)
		}
	}
}
