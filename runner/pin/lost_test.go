package pin

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/orch-build/orch/config/lock"
	"github.com/orch-build/orch/internal/registry"
	"github.com/orch-build/orch/internal/registry/registrytest"
)

// TestLost finds the entry that an error is about, and the mirror that still has it.
func TestLost(t *testing.T) {
	mirror := registrytest.New(t)
	has := mirror.Push("library/base", "an image", "1")
	held := lock.New(lock.FileName)
	held.Put(lock.Entry{Key: lock.Key{Kind: lock.Image, Name: "registry.invalid/library/base:1"}, Digest: has})
	held.Put(lock.Entry{Key: lock.Key{Kind: lock.Image, Name: "registry.invalid/other:1"}, Digest: sum("a")})
	lost := Lost(held, []error{errors.New("registry.invalid/library/base:1@" + has + ": not found"), errors.New("other:1@" + sum("a") + ": exit code 1")})
	if len(lost) != 1 || lost[0].Name != "registry.invalid/library/base:1" {
		t.Errorf("lost: %v", lost)
	}
	r := &Resolver{Mends: func(string) string { return "orch lock --update=x" }, Registry: registry.New(registry.Options{}), Mirrors: map[string][]string{"registry.invalid": {mirror.Host}}}
	if got := r.WhereLost(context.Background(), lost[0].Name, has); got != "The mirror "+mirror.Host+" has it. If the registry has lost it: orch lock --update=x" {
		t.Error(got)
	}
	if got := r.WhereLost(context.Background(), "registry.invalid/other:1", sum("a")); strings.Contains(got, "mirror") {
		t.Error(got)
	}
}

// TestPlatformChanges says which platforms came and went of an image that is the same.
func TestPlatformChanges(t *testing.T) {
	entry := func(digest string, platforms ...string) *lock.Lock {
		e := lock.Entry{Key: lock.Key{Kind: lock.Image, Name: "base:1"}, Digest: digest, Platforms: map[string]string{}, UsedBy: []string{"app (D)"}}
		for _, p := range platforms {
			e.Platforms[p] = sum("c")
		}
		l := lock.New(lock.FileName)
		l.Put(e)
		return l
	}
	list := Changes(entry(sum("a"), "linux/386", "linux/amd64"), entry(sum("a"), "linux/amd64", "linux/arm64"))
	var text strings.Builder
	if err := WriteText(&text, list); err != nil || text.String() != "~ image base:1  +linux/arm64 -linux/386  for app\n" {
		t.Errorf("%q, %v", text.String(), err)
	}
	if list := Changes(entry(sum("a"), "linux/amd64"), entry(sum("a"), "linux/amd64")); len(list) != 0 {
		t.Errorf("%v", list)
	}
}
