package outside

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/config/lock"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/digest"
)

// TestMissing says what a lock lacks.
func TestMissing(t *testing.T) {
	sum := "sha256:" + strings.Repeat("a", 64)
	image := lock.Key{Kind: lock.Image, Name: "docker.io/library/base:1"}
	item := func(k lock.Key, digest string, platforms ...string) *Item {
		return &Item{Key: k, Digest: digest, Platforms: platforms}
	}
	held := lock.New(lock.FileName)
	held.Put(lock.Entry{Key: image, Digest: sum, Platforms: map[string]string{"linux/amd64": sum}})
	held.Put(lock.Entry{Key: lock.Key{Kind: lock.Frontend, Name: "docker/dockerfile:1"}, Digest: sum})
	for _, c := range []struct {
		item *Item
		held *lock.Lock
		want string
	}{
		{item(image, "", "linux/amd64"), held, ""},
		{item(image, ""), held, ""},
		{item(image, "", "linux/amd64", "linux/arm64"), held, "locked without linux/arm64"},
		{item(image, "", "linux/amd64"), nil, "not in the lock"},
		{item(lock.Key{Kind: lock.Frontend, Name: "docker.io/docker/dockerfile:1"}, "", "linux/arm64"), held, ""},
		{item(lock.Key{Kind: lock.HTTP, Name: "https://example.com/f"}, sum), held, "not in the lock"},
		{item(lock.Key{Kind: lock.Layout, Name: "images:v1"}, sum), held, ""},
		{item(lock.Key{Kind: lock.Layout, Name: "images:v1"}, ""), held, "not in the lock"},
	} {
		got := ""
		for _, m := range (&List{Items: []*Item{c.item}}).Missing(c.held) {
			got += m.Why
		}
		if got != c.want {
			t.Errorf("%s for %v: %q", c.item.Key, c.item.Platforms, got)
		}
	}
}

// TestDependents follows links between targets.
func TestDependents(t *testing.T) {
	build := func(name string, inputs ...*planner.Build) *planner.Build {
		return &planner.Build{Target: &config.Target{Name: name}, Inputs: inputs}
	}
	base := build("base")
	app := build("app", base)
	plan := &planner.Plan{Builds: []*planner.Build{base, app, build("web", app), build("alone")}}
	for names, want := range map[string][]string{"base": {"app", "base", "web"}, "app": {"app", "web"}, "alone": {"alone"}, "": nil, "gone": nil} {
		if got := Dependents(plan, strings.Fields(names)); !slices.Equal(got, want) {
			t.Errorf("%q: %v", names, got)
		}
	}
}

// TestMade takes what a builder says of a target that only it can convert, or what the
// lock remembers of it.
func TestMade(t *testing.T) {
	image := lock.Key{Kind: lock.Image, Name: "docker.io/library/base:1"}
	held := lock.New(lock.FileName)
	held.Put(lock.Entry{Key: image, Platforms: map[string]string{"linux/arm64": "x"}, UsedBy: []string{"app (D)", "web (D)"}})
	held.Put(lock.Entry{Key: lock.Key{Kind: lock.HTTP, Name: "https://example.com/f"}, UsedBy: []string{"app (D) in other.hcl"}})
	held.Put(lock.Entry{Key: lock.Key{Kind: lock.HTTP, Name: "https://example.com/g"}, UsedBy: []string{"web (D)"}})
	failed := errors.New("no builder")
	for _, c := range []struct {
		made       func(*planner.Build) ([]digest.Outside, error)
		definition string
		want       string
		err        error
	}{
		{nil, "", "image docker.io/library/base:1 linux/arm64", nil},
		{nil, "other.hcl", "http https://example.com/f", nil},
		{func(*planner.Build) ([]digest.Outside, error) { return nil, failed }, "", "image docker.io/library/base:1 linux/arm64", failed},
		{func(*planner.Build) ([]digest.Outside, error) { return []digest.Outside{{Key: image}}, nil }, "", "image docker.io/library/base:1 linux/amd64", nil},
	} {
		held.Definition = c.definition
		col := &collector{
			opt: Options{Platform: "linux/amd64", Lock: held, Made: c.made}, build: &planner.Build{Target: &config.Target{Name: "app"}},
			items: map[lock.Key]*Item{},
		}
		err := col.made()
		var got []string
		for _, it := range col.sorted() {
			got = append(got, strings.TrimSpace(it.Key.String()+" "+strings.Join(it.Platforms, " ")))
		}
		if strings.Join(got, ", ") != c.want || !errors.Is(err, c.err) {
			t.Errorf("%q: %s, %v, want %s", c.definition, got, err, c.want)
		}
	}
}
