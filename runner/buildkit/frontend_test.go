package buildkit

import (
	"fmt"
	"strings"
	"testing"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
)

// A chain of stages that would take a square of memory here is the builder's to
// read; files of ordinary size, with however many stages side by side, are not.
func TestLarge(t *testing.T) {
	chain := func(stages, lines int) string {
		var b strings.Builder
		b.WriteString("FROM scratch AS s0\n")
		for i := range stages {
			fmt.Fprintf(&b, "from s%d AS s%d\n", i, i+1)
			for j := range lines {
				fmt.Fprintf(&b, "ENV E%d_%d=x\n", i, j)
			}
		}
		return b.String()
	}
	tests := []struct {
		name, text string
		syntax     string
		want       bool
	}{
		{"none", "", "", false},
		{"a long chain", chain(4000, 1), "", true},
		{"an ordinary one", chain(100, 20), "", false},
		{"hundreds of stages", chain(400, 2), "", false},
		{"many lines", chain(1, 100_000), "", false},
		{"another frontend", chain(4000, 1), "example.com/frontend:1", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := &planner.Build{Target: &config.Target{Name: "app"}}
			if tt.text != "" {
				b.Dockerfile = &planner.Dockerfile{Data: []byte(tt.text), Syntax: tt.syntax}
			}
			if got := (&target{run: &run{}, plan: b}).large(); got != tt.want {
				t.Errorf("large: %t, want %t", got, tt.want)
			}
		})
	}
}
