package config

import (
	"reflect"
	"testing"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/config/spec"
	"github.com/orch-build/orch/schema"
)

// TestCacheAttributes sets each attribute that is described of a cache block,
// and wants it in the decided cache.
func TestCacheAttributes(t *testing.T) {
	samples := map[string]string{"type": "local", "mode": "min", "when": "never", "required": "true", "trusted": "false", "options": ""}
	decide := func(s attribute.CacheSettings) *spec.Cache {
		d := &Definition{cacheFaults: map[string]bool{}}
		r := &resolved{}
		r.values[attribute.AtCache] = s
		c, _ := d.decideCache(r)
		return c
	}
	base := attribute.CacheSettings{"type": "registry", "ref": "r"}
	for _, a := range schema.CacheAttributes() {
		s := attribute.CacheSettings{}
		for k, v := range base {
			s[k] = v
		}
		name, value := a.Name, "x"
		if v, ok := samples[name]; ok {
			value = v
		}
		if name == "options" {
			name, value = attribute.OptionPrefix+"a", "b"
		}
		s[name] = value
		if reflect.DeepEqual(decide(base), decide(s)) {
			t.Errorf("the attribute %s is described and not read", a.Name)
		}
	}
}
