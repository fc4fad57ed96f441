package outputs

import (
	"strings"
	"testing"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
)

func TestCheckSource(t *testing.T) {
	for _, tt := range []struct {
		version, exporter, src string
		refused                bool
	}{
		{"v0.33.0", "local", "/app", true},
		{"v0.33.0", "tar", "", true},
		{"v0.34.0-rc1", "tar", "app", true},
		{"v0.34.0", "local", "/app", false},
		{"v0.34.2", "tar", "/app", false},
		{"v1.0.0", "tar", "/app", false},
		{"v0.33.0", "oci", "/app", false},
		{"v0.0.0+unknown", "local", "/app", false},
		{"", "local", "/app", false},
		{"master", "local", "/app", false},
	} {
		b := &planner.Build{Target: &config.Target{Name: "a", Outputs: []config.Output{
			config.NewOutput(config.Entry{Type: "cacheonly"}),
			config.NewOutput(config.Entry{Type: tt.exporter, Attrs: map[string]string{"dest": "out", "src": tt.src}}),
		}}}
		err := CheckSource(b, tt.version)
		if (err != nil) != tt.refused || err != nil && !strings.Contains(err.Error(), tt.version) {
			t.Errorf("%+v: %v", tt, err)
		}
	}
	whole := &planner.Build{Target: &config.Target{Outputs: []config.Output{
		config.NewOutput(config.Entry{Type: "local", Attrs: map[string]string{"dest": "out"}}),
	}}}
	if err := CheckSource(whole, "v0.33.0"); err != nil {
		t.Error(err)
	}
}
