package planner

import (
	"reflect"
	"testing"

	"github.com/orch-build/orch/config"
)

// TestSetKey changes each field of a cache, and wants another key: targets
// whose caches differ in anything cannot be written to one place. Cache mounts are
// kept apart from the cache.
func TestSetKey(t *testing.T) {
	cache := func() *config.Cache { return &config.Cache{Options: map[string]string{"a": "1", "b": "2"}} }
	if a, b := setKey(cache()), setKey(cache()); a != b {
		t.Error("equal caches have different keys")
	}
	for i := range reflect.TypeFor[config.Cache]().NumField() {
		c := cache()
		if reflect.TypeFor[config.Cache]().Field(i).Name == "Mounts" {
			continue
		}
		switch f := reflect.ValueOf(c).Elem().Field(i); f.Kind() {
		case reflect.String:
			f.SetString("x")
		case reflect.Bool:
			f.SetBool(true)
		case reflect.Map:
			c.Options["b"] = "3"
		default:
			t.Fatalf("no other value for a %s", f.Type())
		}
		if setKey(c) == setKey(cache()) {
			t.Errorf("the key does not depend on config.Cache.%s", reflect.TypeFor[config.Cache]().Field(i).Name)
		}
	}
}
