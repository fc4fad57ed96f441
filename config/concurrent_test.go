package config

import (
	"sync"
	"testing"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/schema"
)

// TestConcurrentResolve holds that one parsed file can be evaluated several
// times at once: nothing of it is changed, and each counts its own rounds.
func TestConcurrentResolve(t *testing.T) {
	src := `target "default" {
  tags = [for i in range(100) : "t${i}" if i > 90]
  args = { N = length([for a in range(100) : [for b in range(100) : b]]) }
}`
	f, diags := schema.Parse("build.hcl", []byte(src), schema.Build)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	var wg sync.WaitGroup
	found := make([]hcl.Diagnostics, 3)
	for i := range found {
		wg.Go(func() { _, found[i] = Resolve([]*schema.File{f}, Options{}) })
	}
	wg.Wait()
	for i, diags := range found {
		if diags.HasErrors() {
			t.Errorf("run %d: %v", i, diags)
		}
	}
}
