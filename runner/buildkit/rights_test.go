package buildkit

import (
	"slices"
	"testing"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/runner/rights"
)

func TestAllowed(t *testing.T) {
	target := &config.Target{Entitlements: []string{"security.insecure"}, Network: "host"}
	if got := allowed(rights.Of(target)); !slices.Equal(got, []string{"network.host", "security.insecure"}) {
		t.Errorf("%v", got)
	}
	target.Entitlements = append(target.Entitlements, "network.host")
	if got := allowed(rights.Of(target)); len(got) != 2 {
		t.Errorf("asked for twice: %v", got)
	}
}
