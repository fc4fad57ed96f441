package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/merge"
)

// Archive is an image that is put together out of layouts in folders.
type Archive struct {
	Target string
	// Layouts are the folders, and Compose makes the index of the whole out of
	// theirs.
	Layouts []string
	Compose func([]*ocispecs.Index) (*ocispecs.Descriptor, []byte, error)
	// Names are what the image is called.
	Names []string
	// Dest is the file that it is written to; "" is a Docker engine, whose docker
	// context is Engine.
	Dest, Engine string
}

// writeJoined writes the outputs of a target that need the pieces of all builders.
func (r *run) writeJoined(ctx context.Context, b *planner.Build, all []built, pieces []merge.Piece, out *runner.Result) error {
	first := all[0].result
	for i, o := range b.Target.Outputs {
		switch {
		case archive(o):
			written, err := r.writeArchive(ctx, b, i, all, pieces, out)
			if err != nil {
				return err
			}
			out.Outputs = append(out.Outputs, *written)
		case pushed(o) && len(first.Unpublished) == 0:
			return fmt.Errorf("its platforms are built on several builders, and orch does not reach the registry in which it would make one image of them; " +
				"choose one builder that has all of its platforms")
		}
	}
	for _, o := range first.Outputs {
		if o.Type != "oci" && o.Type != "docker" {
			out.Outputs = append(out.Outputs, o)
		}
	}
	if len(first.Unpublished) > 0 {
		return merge.Join(ctx, r.opt.Registry, b.Platforms, pieces, out)
	}
	return nil
}

// writeArchive writes one archive.
func (r *run) writeArchive(ctx context.Context, b *planner.Build, at int, all []built, pieces []merge.Piece, out *runner.Result) (*runner.Output, error) {
	o := b.Target.Outputs[at]
	a := Archive{Target: b.Name(), Dest: o.Dest, Engine: o.Engine, Names: namesOf(b, o)}
	for _, one := range all {
		a.Layouts = append(a.Layouts, one.batch.layout(one.piece))
	}
	var made *ocispecs.Descriptor
	a.Compose = func(indexes []*ocispecs.Index) (*ocispecs.Descriptor, []byte, error) {
		desc, data, err := merge.Compose(b.Platforms, pieces, indexes)
		made = desc
		return desc, data, err
	}
	size, err := r.opt.Archive(ctx, a)
	if err != nil {
		return nil, fmt.Errorf("making one image of its platforms: %w", err)
	}
	out.Digest = made.Digest.String()
	out.Metadata["containerimage.digest"] = out.Digest
	if data, err := json.Marshal(made); err == nil {
		out.Metadata["containerimage.descriptor"] = json.RawMessage(data)
	}
	where := o.Dest
	if where == "" {
		where = "docker"
	}
	return &runner.Output{Type: o.Type, Where: where, Size: size}, nil
}

// namesOf are what an image is called in an archive.
func namesOf(b *planner.Build, o config.Output) []string {
	if len(b.Target.Tags) > 0 {
		return slices.Clone(b.Target.Tags)
	}
	return slices.Clone(o.Names)
}
