package planner

import (
	"slices"
	"testing"

	"github.com/orch-build/orch/config"
)

// A run reads the mounts of its own lane before those of main, and writes its own:
// one that is not trusted writes none that others read.
func TestMountCache(t *testing.T) {
	mounts := config.Cache{}.Mounts
	mounts.All = true
	for _, tt := range []struct {
		name  string
		cache config.Cache
		read  []string
		write string
	}{
		{"main", config.Cache{Lane: "main", Main: "main", Trusted: true, Write: true}, []string{"r/c:main...x"}, "r/c:main...x"},
		{"branch", config.Cache{Lane: "pr-7", Main: "main", Trusted: true, Write: true}, []string{"r/c:pr-7...x", "r/c:main...x"}, "r/c:pr-7...x"},
		{"fork", config.Cache{Lane: "main", Main: "main", Write: true}, []string{"r/c:fork-main...x", "r/c:main...x"}, "r/c:fork-main...x"},
		{"no write", config.Cache{Lane: "main", Main: "main", Trusted: true}, []string{"r/c:main...x"}, ""},
	} {
		c := tt.cache
		c.Type, c.Ref, c.Mounts = "registry", "r/c", mounts
		got := (&Build{Target: &config.Target{Cache: &c}}).MountCache("x")
		var read []string
		for _, r := range got.Read {
			read = append(read, r.Attrs["ref"])
		}
		write := ""
		if got.Write != nil {
			write = got.Write.Attrs["ref"]
		}
		if !slices.Equal(read, tt.read) || write != tt.write {
			t.Errorf("%s: reads %v and writes %q, want %v and %q", tt.name, read, write, tt.read, tt.write)
		}
	}
	if got := (&Build{Target: &config.Target{Cache: &config.Cache{Type: "registry", Ref: "r/c"}}}).MountCache("x"); got.Read != nil || got.Write != nil {
		t.Errorf("without mounts: %+v", got)
	}
}
