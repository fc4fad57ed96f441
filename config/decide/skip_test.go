package decide

import (
	"reflect"
	"testing"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/config/spec"
	"github.com/orch-build/orch/schema"
)

// TestSkipAttributes sets each attribute that is described of a skip block, and
// wants it in what is decided.
func TestSkipAttributes(t *testing.T) {
	samples := map[string]string{"mode": "never", "max-age": "30d", "audit": "2", "trust": "key", "key": "orch.pub", "check": "full"}
	decide := func(s attribute.SkipSettings) *spec.Skip {
		r := &Draft{}
		r.Values[attribute.AtSkip] = s
		out, _ := New(&Inputs{}).skip(r)
		return out
	}
	for _, a := range schema.SkipAttributes() {
		if reflect.DeepEqual(decide(attribute.SkipSettings{}), decide(attribute.SkipSettings{a.Name: samples[a.Name]})) {
			t.Errorf("the attribute %s is described and not read", a.Name)
		}
	}
}
