package planner

import (
	"strings"
	"testing"
)

func TestLaneName(t *testing.T) {
	for _, tt := range []struct {
		lane    string
		trusted bool
		want    string
	}{
		{"main", true, "main"},
		{"main", false, "fork-main"},
		{"pr-12", true, "pr-12"},
		{"feature/log in", true, "feature-log-in-c72a3bbe"},
		{"fork-main", true, "lane-fork-main-"},
		{"/../main", true, "main-"},
		{"été", true, "t--"},
		{strings.Repeat("x", 60), true, strings.Repeat("x", 48) + "-"},
	} {
		got := LaneName(tt.lane, tt.trusted)
		if !strings.HasPrefix(got, tt.want) {
			t.Errorf("LaneName(%q, %t) = %q, want %q", tt.lane, tt.trusted, got, tt.want)
		}
	}
}

// FuzzLaneName holds what keeps lanes apart: no two have one name, none has a
// dot, and a trusted one never looks like that of a fork.
func FuzzLaneName(f *testing.F) {
	f.Add("main", "fork-main")
	f.Add("a/b", "a-b")
	f.Add("", "-")
	f.Fuzz(func(t *testing.T, a, b string) {
		name := LaneName(a, true)
		if strings.HasPrefix(name, forkPrefix) || strings.Contains(name, ".") || len(name) > 64 {
			t.Errorf("LaneName(%q) = %q", a, name)
		}
		if a != b && name == LaneName(b, true) {
			t.Errorf("%q and %q are both %q", a, b, name)
		}
		if LaneName(b, false) == name {
			t.Errorf("the fork's %q passes for %q", b, a)
		}
	})
}
