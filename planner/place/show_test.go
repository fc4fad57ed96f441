package place

import (
	"strings"
	"testing"

	"github.com/orch-build/orch/planner/shard"
)

// TestWriteCounts has a target whose platforms are on two builders: it is one.
func TestWriteCounts(t *testing.T) {
	part := func(target, platform string) shard.Part {
		return shard.Part{Target: target, Platforms: []string{platform}}
	}
	v := View{Builders: []BuilderView{
		{Name: "x", Platforms: []string{"linux/amd64"}, Groups: []GroupView{{Parts: []shard.Part{part("app", "linux/amd64"), part("web", "linux/amd64")}}}},
		{Name: "y", Platforms: []string{"linux/arm64"}, Groups: []GroupView{{Parts: []shard.Part{part("app", "linux/arm64")}}, {Parts: []shard.Part{part("app", "linux/riscv64")}}}},
	}}
	var out strings.Builder
	v.Write(&out)
	for _, want := range []string{"2 targets on 2 builders\n", "x (linux/amd64): 2 targets,", "y (linux/arm64): 1 target,"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, &out)
		}
	}
}
