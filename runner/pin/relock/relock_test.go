package relock

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/config/lock"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/outside"
	"github.com/orch-build/orch/runner/pin"
)

// TestPatterns parts targets from patterns: those behind a bare --update may be
// either.
func TestPatterns(t *testing.T) {
	target := func(name string) bool { return name == "api" }
	for _, c := range []struct{ update, args, names, patterns string }{
		{"", "api web", "api web", ""},
		{"*", "", "", "*"},
		{"*", "api", "api", "*"},
		{"*", "alpine", "", "alpine"},
		{"* busybox", "api alpine", "api", "alpine busybox"},
		{"busybox", "alpine", "alpine", "busybox"},
	} {
		r := &Run{Update: strings.Fields(c.update)}
		names := r.Patterns(strings.Fields(c.args), target)
		if got := strings.Join(names, " "); got != c.names || strings.Join(r.Update, " ") != c.patterns {
			t.Errorf("--update %s, %s: %s, %s", c.update, c.args, got, r.Update)
		}
	}
}

// TestKept takes out of the lock what is looked up anew.
func TestKept(t *testing.T) {
	old := lock.New("x")
	for _, name := range []string{"alpine:3", "busybox:1"} {
		old.Put(lock.Entry{Key: lock.Key{Kind: lock.Image, Name: name}, Digest: "sha256:" + strings.Repeat("a", 64)})
	}
	for update, want := range map[string]int{"": 2, "alpine": 1, "*": 0, "none": 2} {
		if got := (&Run{Update: strings.Fields(update), Old: old}).Kept().Len(); got != want {
			t.Errorf("--update %s keeps %d", update, got)
		}
	}
	if (&Run{}).Kept() != nil {
		t.Error("something is kept of no lock")
	}
	if err := (&Run{Update: []string{"none"}, Old: old, Name: "x"}).unmatched(); err == nil || !strings.Contains(err.Error(), "--update=none: nothing in x") {
		t.Error(err)
	}
}

// TestOrigin has the targets of a definition from elsewhere come from the commit that it
// was read at.
func TestOrigin(t *testing.T) {
	name, before, now := "https://example.com/x.git#main", strings.Repeat("a", 40), strings.Repeat("b", 40)
	source := lock.Key{Kind: lock.Git, Name: name}
	r := &Run{
		Name: "x", Resolver: &pin.Resolver{Now: time.Now()}, Options: outside.Options{Definition: name},
		Plan:   &planner.Plan{Builds: []*planner.Build{{Target: &config.Target{Name: "app", Range: hcl.Range{Filename: "build.hcl"}}}}},
		Origin: &Origin{Key: lock.Key{Kind: lock.Definition, Name: name}, Source: source, Digest: now},
	}
	if got := r.Kept().Get(source.Kind, name); got == nil || got.Digest != now {
		t.Errorf("without a lock: %v", got)
	}
	r.Old = lock.New("x")
	r.Old.Put(lock.Entry{Key: source, Digest: before})
	if got := r.Kept().Get(source.Kind, name); got.Digest != now {
		t.Errorf("with an older commit: %v", got)
	}
	items := r.items(&outside.List{})
	if len(items) != 1 || items[0].Digest != now || items[0].UsedBy[0] != "app (build.hcl) in "+name {
		t.Errorf("items: %+v", items[0])
	}
	if r.gone(name) {
		t.Error("a definition on a server counts as gone")
	}
}

// TestMine says which lines a run writes anew.
func TestMine(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"build.hcl", "other.hcl"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	lines := []lock.Use{
		{Target: "app"}, {Target: "web"}, {Target: "app", Definition: "other.hcl"}, {Target: "app", Definition: "gone.hcl"},
		{Target: "app", Definition: "gone.hcl, other.hcl"},
	}
	for _, c := range []struct {
		definition string
		whole      bool
		usual      string
		want       []int
	}{
		{"", true, "build.hcl", []int{0, 1, 3}},
		{"", false, "build.hcl", []int{0}},
		{"other.hcl", true, "build.hcl", []int{2, 3}},
		{"other.hcl", true, "none.hcl", []int{0, 1, 2, 3}},
		{"other.hcl", false, "none.hcl", []int{2}},
	} {
		r := &Run{
			Name: filepath.Join(dir, lock.FileName), Whole: c.whole, Usual: []string{c.usual}, Options: outside.Options{Definition: c.definition},
			Plan: &planner.Plan{Builds: []*planner.Build{{Target: &config.Target{Name: "app"}}}},
		}
		var got []int
		mine := r.mine()
		for i, u := range lines {
			if mine(u) {
				got = append(got, i)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%q, whole %v, with %s: %v", c.definition, c.whole, c.usual, got)
		}
	}
}
