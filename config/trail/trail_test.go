package trail

import (
	"strings"
	"testing"
)

func TestTrail(t *testing.T) {
	var way Trail
	for _, what := range []string{"a", "b", "c"} {
		if steps := way.Enter(Step{What: what}); steps != nil {
			t.Fatalf("%s: %v", what, steps)
		}
	}
	names := func(steps []Step) string {
		var out []string
		for _, s := range steps {
			out = append(out, s.What)
		}
		return strings.Join(out, " ")
	}
	if got := names(way.Enter(Step{What: "b"})); got != "b c b" {
		t.Errorf("entering again: %q", got)
	}
	if got := names(way.Back("a")); got != "a b c a" {
		t.Errorf("the way back: %q", got)
	}
	way.Leave()
	if way.Back("c") != nil || way.Len() != 2 {
		t.Errorf("after leaving, %d steps, and c is still on the way", way.Len())
	}
}
