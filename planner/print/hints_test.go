package print

import (
	"strings"
	"testing"

	"github.com/orch-build/orch/planner/inputs"
	"github.com/orch-build/orch/planner/plannertest"
)

// TestHistories points out the copies that take .git along, and no others.
func TestHistories(t *testing.T) {
	for _, tt := range []struct {
		name, dockerfile, ignore string
		want                     bool
	}{
		{"all", "FROM scratch\nCOPY . .\n", "", true},
		{"root", "FROM scratch\nADD / /src/\n", "", true},
		{"ignored", "FROM scratch\nCOPY . .\n", ".git\n", false},
		{"excluded", "FROM scratch\nCOPY --exclude=.git . .\n", "", false},
		{"excluded by pattern", "FROM scratch\nCOPY --exclude=**/.g* . .\n", "", false},
		{"named", "FROM scratch\nCOPY .git /git\n", "", false},
		{"a folder", "FROM scratch\nCOPY src /\n", "", false},
		{"mounted", "FROM scratch\nRUN --mount=target=/src true\n", "", false},
		{"from a stage", "FROM scratch AS a\nFROM scratch\nCOPY --from=a . .\n", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := plannertest.NewSample(t)
			p.Dockerfile = tt.dockerfile
			p.Write(t, "ctx/.git/HEAD", "x")
			p.Write(t, "ctx/.dockerignore", tt.ignore)
			for _, most := range []int{0, 10} {
				reads, _ := inputs.Read(samplePlan(t, p), inputs.Options{All: true, Most: most})
				var b strings.Builder
				if err := Hints(&b, reads); err != nil {
					t.Fatal(err)
				}
				if got := len(reads.Histories()) == 1; got != tt.want || strings.Contains(b.String(), "history") != tt.want {
					t.Errorf("with %d: %v\n%s", most, reads.Histories(), b.String())
				}
			}
		})
	}
}
