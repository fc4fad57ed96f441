package policies

import (
	"fmt"
	"sync"
	"testing"

	"github.com/orch-build/orch/config"
)

// The runs of several builders make their plans at once, again and again.
func TestTogether(t *testing.T) {
	p := New(t.Context(), Options{})
	defer p.Close()
	targets := make([]*config.Target, 50)
	for i := range targets {
		targets[i] = &config.Target{Name: fmt.Sprint(i), Dockerfile: "Dockerfile", Context: config.Context{Value: t.TempDir()}}
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for _, target := range targets {
				if set, diags := p.Of(target); !set.Empty() || diags.HasErrors() {
					t.Errorf("%s: %v", target.Name, diags)
				}
			}
		})
	}
	group.Wait()
}
