package planner

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestImports proves that planning needs neither BuildKit's client nor a network.
func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatalf("listing dependencies: %v", err)
	}
	deps := strings.Fields(string(out))
	for _, d := range deps {
		if rest, ok := strings.CutPrefix(d, "github.com/moby/buildkit/"); ok {
			ours := []string{"frontend/dockerfile/", "util/"}
			if !slices.ContainsFunc(ours, func(p string) bool { return strings.HasPrefix(rest, p) }) {
				t.Errorf("imports %s", d)
			}
		}
	}
	for _, d := range []string{"google.golang.org/grpc", "github.com/spf13/cobra", "net/http/httputil"} {
		if slices.Contains(deps, d) {
			t.Errorf("imports %s", d)
		}
	}
}
