package report

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
)

func doneTarget(name string, res *runner.Result) *runner.TargetReport {
	build := &planner.Build{Target: &config.Target{Name: name}, Wanted: true}
	return &runner.TargetReport{Build: build, State: runner.Done, Took: 40 * time.Second, Result: res}
}

// The table says as much as the terminal has room for.
func TestPrintTargets(t *testing.T) {
	targets := []*runner.TargetReport{
		doneTarget("client", &runner.Result{
			Steps: runner.Steps{Run: 3}, ImageSize: 8_400_000, BuildStageSize: 256_000_000, BuildStage: "build-client",
			Digest: "sha256:b0c227fd299c000000", Outputs: []runner.Output{{Where: "registry.example.com/team/of/some/size/client:v1.2.3"}},
		}),
		doneTarget("server", &runner.Result{ImageSize: 8_290_000}),
	}
	tests := []struct {
		width int
		want  string
	}{
		{0, `TARGET   RESULT   TIME   IMAGE    SMALLER THAN ITS BUILD STAGE   DIGEST                WENT TO
client   built    40s    8.4MB    30x (build-client: 256MB)      sha256:b0c227fd299c   registry.example.com/team/of/some/size/client:v1.2.3
server   cached   40s    8.29MB   -                              -                     (build cache only)
`},
		{130, `TARGET  RESULT  TIME  IMAGE   SMALLER           DIGEST               WENT TO
client  built   40s   8.4MB   30x (than 256MB)  sha256:b0c227fd299c  registry.example.com/team/of/some/size/client:v1.2.3
server  cached  40s   8.29MB  -                 -                    (build cache only)
`},
		{100, `TARGET  RESULT  TIME  IMAGE   SMALLER           WENT TO
client  built   40s   8.4MB   30x (than 256MB)  registry.example.com/team/of/some/size/client:v1.2.3
server  cached  40s   8.29MB  -                 (build cache only)
`},
		{80, `TARGET  RESULT  TIME  IMAGE   SMALLER           WENT TO
client  built   40s   8.4MB   30x (than 256MB)  …team/of/some/size/client:v1.2.3
server  cached  40s   8.29MB  -                 (build cache only)
`},
		{44, `TARGET  RESULT  TIME  IMAGE   WENT TO
client  built   40s   8.4MB   …client:v1.2.3
server  cached  40s   8.29MB  …d cache only)
`},
	}
	for _, tt := range tests {
		var b strings.Builder
		printTargets(&b, targets, tt.width)
		if b.String() != tt.want {
			t.Errorf("%d columns:\n%s", tt.width, b.String())
		}
		for line := range strings.Lines(b.String()) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); tt.width > 0 && n > tt.width {
				t.Errorf("%d columns: a line of %d", tt.width, n)
			}
		}
	}
}

// What no row has anything to say about is left out.
func TestPrintTargetsEmpty(t *testing.T) {
	var b strings.Builder
	printTargets(&b, []*runner.TargetReport{doneTarget("a", &runner.Result{})}, 0)
	if want := "TARGET   RESULT   TIME   IMAGE   WENT TO\na        cached   40s    -       (build cache only)\n"; b.String() != want {
		t.Errorf("got\n%s", b.String())
	}
}

func TestJoinWithin(t *testing.T) {
	parts := []string{"7 stages", "12MB sent", "critical path"}
	tests := map[int]string{
		0:  "7 stages; 12MB sent; critical path",
		40: "7 stages; 12MB sent; critical path",
		25: "7 stages; 12MB sent;\n  critical path",
		5:  "7 stages;\n  12MB sent;\n  critical path",
	}
	for width, want := range tests {
		if got := joinWithin(parts, "; ", width); got != want {
			t.Errorf("%d: %q", width, got)
		}
	}
}

// An image that is hardly smaller than its build stage is not called smaller.
func TestSmallerNoise(t *testing.T) {
	for built, want := range map[int64]string{1_000_000: none, 1_490_000: none, 1_500_000: "1.5x (build: 1.5MB)", 20_000_000: "20x (build: 20MB)"} {
		if got := smaller(&runner.Result{ImageSize: 1_000_000, BuildStageSize: built, BuildStage: "build"}, tableForm{stage: true}); got != want {
			t.Errorf("%d: %s, want %s", built, got, want)
		}
	}
}

// The same step of two targets, or of two platforms, is shown so that one can see which
// is meant.
func TestStepPlace(t *testing.T) {
	tests := []struct {
		label   string
		targets []string
		among   int
		want    string
	}{
		{"build 2/4", []string{"client"}, 2, "client: build 2/4"},
		{"linux/arm64 build 2/4", []string{"client", "server"}, 2, "client, server: linux/arm64 build 2/4"},
		{"build 2/4", []string{"a", "b", "c", "d"}, 2, "4 targets: build 2/4"},
		{"build 2/4", []string{"client"}, 1, "build 2/4"},
		{"2/4", []string{"client"}, 1, "client: 2/4"},
		{"2/4", nil, 2, "2/4"},
	}
	for _, tt := range tests {
		if got := stepPlace(&runner.StepReport{Label: tt.label, Targets: tt.targets}, tt.among); got != tt.want {
			t.Errorf("%s of %v: %s, want %s", tt.label, tt.targets, got, tt.want)
		}
	}
}

// Columns are as wide as a terminal shows them.
func TestTableWidth(t *testing.T) {
	var b strings.Builder
	writeTable(&b, []*column{{header: "TARGET", cells: []string{"日本語日本語", "a"}}, {header: "X", cells: []string{"1", "2"}}}, 1)
	for line := range strings.Lines(b.String()) {
		if got := termtext.Width(strings.TrimRight(line, "\n")); got != 14 {
			t.Errorf("%d columns: %s", got, line)
		}
	}
}
