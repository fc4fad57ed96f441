package decide

import (
	"maps"
	"reflect"
	"testing"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/config/spec"
	"github.com/orch-build/orch/schema"
)

// TestCacheAttributes holds that every attribute which package schema describes
// for a cache block makes a difference to the Cache.
func TestCacheAttributes(t *testing.T) {
	samples := map[string]string{"type": "local", "mode": "min", "when": "never", "required": "true", "trusted": "false", "options": "",
		"mounts-max-size": "1GB", "mounts-max-age": "30d", "mounts-unused": "go-build=14d",
	}
	decided := func(s attribute.CacheSettings) *spec.Cache {
		r := &Draft{}
		r.Values[attribute.AtCache] = s
		c, _ := New(&Inputs{}).cache(r)
		return c
	}
	base := attribute.CacheSettings{"type": "registry", "ref": "r"}
	for _, a := range schema.CacheAttributes() {
		s := maps.Clone(base)
		name, value := a.Name, "x"
		if v, ok := samples[name]; ok {
			value = v
		}
		if name == "options" {
			name, value = attribute.OptionPrefix+"a", "b"
		}
		s[name] = value
		if reflect.DeepEqual(decided(base), decided(s)) {
			t.Errorf("the attribute %s is described and not read", a.Name)
		}
	}
}
