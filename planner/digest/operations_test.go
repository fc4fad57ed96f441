package digest

import (
	"slices"
	"testing"

	"github.com/moby/buildkit/solver/pb"
)

// TestByContent has mounts as Dockerfiles have them, and what BuildKit makes of them.
func TestByContent(t *testing.T) {
	none := int64(pb.SkipOutput)
	root := &pb.Mount{Dest: "/", Input: 0, Output: 0}
	tests := []struct {
		name   string
		mounts []*pb.Mount
		want   []bool
	}{
		{"a root", []*pb.Mount{root}, []bool{false, false}},
		{"FROM a, --mount=from=b", []*pb.Mount{root, {Dest: "/b", Input: 1, Output: none, Readonly: true}}, []bool{false, true}},
		{"--mount=from=b,source=d,rw", []*pb.Mount{root, {Dest: "/b", Selector: "d", Input: 1, Output: none}}, []bool{false, true}},
		{"a part that is written and kept", []*pb.Mount{root, {Dest: "/b", Selector: "d", Input: 1, Output: 1}}, []bool{false, false}},
		{"all of it, written and kept", []*pb.Mount{root, {Dest: "/b", Input: 1, Output: 1}}, []bool{false, true}},
		{"FROM a, --mount=from=a: the last mount of an input decides", []*pb.Mount{root, {Dest: "/a", Input: 0, Output: none, Readonly: true}}, []bool{true, false}},
		{"without", []*pb.Mount{root, {Dest: "/b", Input: 1, Output: none, Readonly: true, ContentCache: pb.MountContentCache_OFF}}, []bool{false, false}},
		{"a root by its content", []*pb.Mount{{Dest: "/", Input: 0, Output: 0, ContentCache: pb.MountContentCache_ON}}, []bool{true, false}},
		{"mounts without an input", []*pb.Mount{root, {Dest: "/t", Input: 0, Output: none, MountType: pb.MountType_TMPFS}, {Dest: "/c", Input: int64(pb.Empty), Output: none}}, []bool{false, false}},
	}
	for _, tt := range tests {
		op := &pb.Op{Inputs: make([]*pb.Input, 2), Op: &pb.Op_Exec{Exec: &pb.ExecOp{Mounts: tt.mounts}}}
		if got := byContent(op, nil); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	file := &pb.Op{Op: &pb.Op_File{File: &pb.FileOp{}}}
	if got := byContent(file, []bool{true}); !slices.Equal(got, []bool{true}) {
		t.Errorf("of a file operation: %v", got)
	}
}
