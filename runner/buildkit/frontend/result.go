package frontend

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"
)

// The names by which every frontend asks for the folders of a build.
const (
	ContextMount    = "context"
	DockerfileMount = "dockerfile"
)

// MountName is the session's name for a named context.
func MountName(name string) string {
	if name == ContextMount || name == DockerfileMount {
		return "_" + name
	}
	return name
}

// Platforms returns the keys of a result's references, in their order; ""
// stands for the only one of a result without keys.
func Platforms(res *gateway.Result) ([]string, error) {
	if len(res.Refs) == 0 {
		return []string{""}, nil
	}
	data, ok := res.Metadata[exptypes.ExporterPlatformsKey]
	if !ok {
		return slices.Sorted(maps.Keys(res.Refs)), nil
	}
	var ps exptypes.Platforms
	if err := json.Unmarshal(data, &ps); err != nil {
		return nil, fmt.Errorf("reading the platforms of a result: %w", err)
	}
	var ids []string
	for _, p := range ps.Platforms {
		ids = append(ids, p.ID)
	}
	return ids, nil
}

// EmptyState is an empty file system like [llb.Scratch], but one with a
// definition: a frontend on the builder can be handed nothing else.
func EmptyState() llb.State {
	return llb.NewState(llb.NewDiff(llb.Scratch(), llb.Scratch(), llb.Constraints{}).Output())
}

// DefinitionState is the state that a definition describes.
func DefinitionState(def *pb.Definition) (llb.State, error) {
	op, err := llb.NewDefinitionOp(def)
	if err != nil {
		return llb.State{}, err
	}
	return llb.NewState(op), nil
}
