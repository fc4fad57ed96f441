package schema

import "testing"

// TestEffects demands of each attribute of a target that its description says
// whether the value can change what is built.
func TestEffects(t *testing.T) {
	for _, a := range append(TargetAttributes(), cacheAttribute, skipAttribute) {
		if a.Effect == "" {
			t.Errorf("the description of %s says nothing of its effect: ChangesResult, or why it changes nothing", a.Name)
		}
	}
}
