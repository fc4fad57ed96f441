package config

import (
	"reflect"
	"testing"

	"github.com/orch-build/orch/schema"
)

// TestCacheAttributes sets each attribute that is described of a cache block,
// and wants it in the decided cache.
func TestCacheAttributes(t *testing.T) {
	samples := map[string]string{"type": "local", "mode": "min", "when": "never", "required": "true", "trusted": "false", "options": ""}
	decide := func(s cacheSettings) *Cache {
		d := &Definition{cacheFaults: map[string]bool{}}
		r := &resolved{}
		r.values[atCache] = s
		c, _ := d.decideCache(r)
		return c
	}
	base := cacheSettings{"type": "registry", "ref": "r"}
	for _, a := range schema.CacheAttributes() {
		s := cacheSettings{}
		for k, v := range base {
			s[k] = v
		}
		name, value := a.Name, "x"
		if v, ok := samples[name]; ok {
			value = v
		}
		if name == "options" {
			name, value = optionPrefix+"a", "b"
		}
		s[name] = value
		if reflect.DeepEqual(decide(base), decide(s)) {
			t.Errorf("the attribute %s is described and not read", a.Name)
		}
	}
}
