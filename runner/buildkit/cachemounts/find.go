// Package cachemounts reads and fills the cache mounts of a builder, with
// nothing but what every BuildKit offers: a container, opened in a running build,
// that mounts what a step mounts. The program in the container is orch itself,
// which the session sends.
//
// A mount on a builder is known by its ID and by what it begins with, so a
// container gets it by naming the very same source. Sharing is that of the steps:
// a locked mount is waited for, and a private one is whichever is free.
//
// The package knows nothing of where content is kept, and of targets.
package cachemounts

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/containerd/platforms"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/internal/definition"
)

// Mount is a cache mount that steps of a definition have.
type Mount struct {
	// ID is the name that Dockerfiles know it by, and Namespace what targets put
	// before it.
	ID, Namespace string
	// Platform is the platform of the steps.
	Platform string
	// Key is equal for mounts that are one on a builder, within a run.
	Key string
	// Base is equal for mounts that begin with the same, in any run; "" for those
	// that begin empty.
	Base string
	// Steps are the places in the definition of the steps that mount it.
	Steps []int

	name     string // as the builder knows it
	sharing  pb.CacheSharingOpt
	source   *pb.Definition // what it begins with, or nil
	selector string
}

// Find finds the cache mounts of a definition, in the order of their keys.
func Find(def *pb.Definition) ([]*Mount, error) {
	found := map[string]*Mount{}
	for i, data := range def.Def {
		var op pb.Op
		if err := op.UnmarshalVT(data); err != nil {
			return nil, err
		}
		exec := op.GetExec()
		if exec == nil {
			continue
		}
		for _, m := range exec.Mounts {
			if m.MountType != pb.MountType_CACHE || m.CacheOpt == nil {
				continue
			}
			mount, err := newMount(def, &op, m)
			if err != nil {
				return nil, err
			}
			have := found[mount.Key]
			if have == nil {
				have = mount
				found[mount.Key] = have
			}
			have.Steps = append(have.Steps, i)
		}
	}
	out := make([]*Mount, 0, len(found))
	for _, key := range slices.Sorted(maps.Keys(found)) {
		out = append(out, found[key])
	}
	return out, nil
}

func newMount(def *pb.Definition, op *pb.Op, m *pb.Mount) (*Mount, error) {
	out := &Mount{name: m.CacheOpt.ID, sharing: m.CacheOpt.Sharing, selector: m.Selector, ID: m.CacheOpt.ID, Platform: platformOf(op)}
	// BuildKit's frontend writes NAMESPACE/ID.
	if namespace, id, ok := strings.Cut(m.CacheOpt.ID, "/"); ok {
		out.Namespace, out.ID = namespace, asWritten(id)
	}
	out.Key = out.name
	if m.Input < 0 || int(m.Input) >= len(op.Inputs) {
		return out, nil
	}
	in := op.Inputs[m.Input]
	out.source = below(def, in)
	// A folder is elsewhere on another machine. What is in it is compared when the
	// mount is restored.
	sum, err := definition.SumAnywhere(out.source)
	if err != nil {
		return nil, err
	}
	place := "\x00" + strconv.FormatInt(in.Index, 10) + "\x00" + m.Selector
	out.Key += "\x00" + in.Digest + place
	out.Base = sum.String() + place
	return out, nil
}

// asWritten is an ID as the Dockerfile has it. BuildKit's frontend takes each byte of a
// flag for a character, so that an ID beyond ASCII is another text to the builder.
func asWritten(id string) string {
	var text []byte
	for _, r := range id {
		if r > 0xff {
			return id
		}
		text = append(text, byte(r))
	}
	if !utf8.Valid(text) {
		return id
	}
	return string(text)
}

func platformOf(op *pb.Op) string {
	if op.Platform == nil {
		return ""
	}
	return platforms.Format(ocispecs.Platform{OS: op.Platform.OS, Architecture: op.Platform.Architecture, Variant: op.Platform.Variant})
}

// below is the part of a definition that ends in one of its vertices.
func below(def *pb.Definition, end *pb.Input) *pb.Definition {
	ops := map[string]*pb.Op{}
	for _, data := range def.Def {
		var op pb.Op
		if op.UnmarshalVT(data) == nil {
			ops[string(digest.FromBytes(data))] = &op
		}
	}
	need := map[string]bool{end.Digest: true}
	for queue := []string{end.Digest}; len(queue) > 0; {
		op := ops[queue[0]]
		queue = queue[1:]
		if op == nil {
			continue
		}
		for _, in := range op.Inputs {
			if !need[in.Digest] {
				need[in.Digest] = true
				queue = append(queue, in.Digest)
			}
		}
	}
	out := &pb.Definition{Metadata: map[string]*pb.OpMetadata{}}
	for _, data := range def.Def {
		id := string(digest.FromBytes(data))
		if need[id] {
			out.Def = append(out.Def, data)
			out.Metadata[id] = def.Metadata[id]
		}
	}
	last, err := (&pb.Op{Inputs: []*pb.Input{end}}).Marshal()
	if err == nil {
		out.Def = append(out.Def, last)
	}
	return out
}
