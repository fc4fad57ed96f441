package affected

import (
	"reflect"
	"testing"

	"github.com/orch-build/orch/planner"
)

// A target that cannot be planned is in no state, but it is one of all.
func TestAllHasBroken(t *testing.T) {
	broken := map[string]string{"b": "it cannot be planned: b", "a": "it cannot be planned: a"}
	got := All(&State{Plan: &planner.Plan{}}, broken, "there is no base")
	want := []Target{
		{Name: "a", Change: "open", Reason: "it cannot be planned: a"},
		{Name: "b", Change: "open", Reason: "it cannot be planned: b"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
