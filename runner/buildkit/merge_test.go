package buildkit

import (
	"testing"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"

	"github.com/orch-build/orch/internal/definition"
)

// The merged definition needs every result once, holds each step once, and is
// the same for the same definitions.
func TestMerged(t *testing.T) {
	base := llb.Scratch().File(llb.Mkdir("/base", 0o755))
	var defs []*pb.Definition
	for _, s := range []llb.State{base.File(llb.Mkdir("/a", 0o755)), base.File(llb.Mkdir("/b", 0o755)), base.File(llb.Mkdir("/a", 0o755))} {
		def, err := s.Marshal(t.Context(), llb.LinuxAmd64)
		if err != nil {
			t.Fatal(err)
		}
		defs = append(defs, def.ToPB())
	}
	def, err := definition.Merge(defs)
	if err != nil {
		t.Fatal(err)
	}
	g := newOpGraph(def)
	if n := len(g.ops); n != 5 { // base, a, b, the sum, and what says that it is meant
		t.Errorf("%d steps, want 5", n)
	}
	if n := len(g.ops[g.root].Inputs); n != 2 {
		t.Errorf("the sum needs %d results, want 2", n)
	}
	if again, _ := definition.Merge(defs); again.String() != def.String() {
		t.Error("another definition the second time")
	}
	one, err := definition.Merge(defs[:1])
	if err != nil {
		t.Fatal(err)
	}
	if g := newOpGraph(one); g.root != newOpGraph(defs[0]).root {
		t.Error("one result is not itself")
	}
}
