package rights

import (
	"github.com/moby/buildkit/solver/errdefs"
	"github.com/moby/buildkit/solver/pb"
)

// Place returns where a vertex is written, as the builder's own errors have it,
// or nil if that is not known.
func Place(def *pb.Definition, u Use) *errdefs.Source {
	src := def.GetSource()
	if src == nil {
		return nil
	}
	at := src.Locations[string(u.Vertex)]
	if at == nil || len(at.Locations) == 0 {
		return nil
	}
	first := at.Locations[0]
	if int(first.SourceIndex) >= len(src.Infos) {
		return nil
	}
	return &errdefs.Source{Info: src.Infos[first.SourceIndex], Ranges: first.Ranges}
}
