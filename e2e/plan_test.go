//go:build linux

package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// TestPlanIsWhatRuns holds plans against what BuildKit does on a builder that
// has never built anything: the same steps, no others, each once.
func TestPlanIsWhatRuns(t *testing.T) {
	state := filepath.Join(filepath.Dir(shared.state), "plan")
	orch := func(dir string, args ...string) (stdout, stderr []byte) {
		t.Helper()
		cmd := exec.Command(filepath.Join(shared.bin, "orch"), args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "ORCH_STATE_DIR="+state, "BUSYBOX="+shared.busybox)
		var out, errOut bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errOut
		if err := cmd.Run(); err != nil {
			t.Fatalf("orch %q: %v\n%s", args, err, errOut.Bytes())
		}
		return out.Bytes(), errOut.Bytes()
	}
	defer orch(".", "builder", "stop", "--now")
	names, err := filepath.Glob("testdata/plan/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no projects: %v", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			dir := t.TempDir()
			unpackArchive(t, name, dir)
			plan, _ := orch(dir, "plan", "--format", "json")
			_, raw := orch(dir, "bake", "--progress", "rawjson")
			want, names := plannedSteps(t, plan)
			got := stepsThatRan(t, raw, names)
			for _, s := range slices.Sorted(maps.Keys(want)) {
				if got[s] != want[s] {
					t.Errorf("%s: ran %d times, planned %d", s, got[s], want[s])
				}
			}
			for _, s := range slices.Sorted(maps.Keys(got)) {
				if want[s] == 0 {
					t.Errorf("%s: ran, and was not planned", s)
				}
			}
		})
	}
}

func unpackArchive(t *testing.T, name, dir string) {
	t.Helper()
	ar, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range ar.Files {
		if err := os.WriteFile(filepath.Join(dir, f.Name), f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// plannedSteps counts the steps of the stages in a plan. A stage that is written
// more than once has several names, which the second map leads to the one that
// the first has.
func plannedSteps(t *testing.T, data []byte) (steps map[string]int, names map[string]string) {
	t.Helper()
	var plan struct {
		Vertices []struct {
			Kind, Name string
			Names      []string
			Steps      []struct{ Text string }
		}
	}
	if err := json.Unmarshal(data, &plan); err != nil {
		t.Fatal(err)
	}
	steps, names = map[string]int{}, map[string]string{}
	for _, v := range plan.Vertices {
		if v.Kind != "stage" {
			continue
		}
		for _, name := range v.Names {
			names[name] = v.Name
		}
		for _, s := range v.Steps {
			if !strings.HasPrefix(s.Text, "FROM ") {
				steps[stepKey(v.Name, s.Text)]++
			}
		}
	}
	return steps, names
}

var ranStep = regexp.MustCompile(`^\[(?:[^:]*: )?(?:\S+/\S+ )?(?:(\S+) )?\d+/\d+\] (?:ONBUILD )?(.*)$`)

// stepsThatRan counts the steps that the builder carried out. It ends the test
// if one of them was in the cache, or was carried out twice.
func stepsThatRan(t *testing.T, raw []byte, names map[string]string) map[string]int {
	t.Helper()
	type vertex struct {
		Digest, Name, Error string
		Started, Completed  string
		Cached              bool
	}
	last := map[string]vertex{}
	starts := map[string]map[string]bool{}
	lines := bufio.NewScanner(bytes.NewReader(raw))
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var status struct{ Vertexes []vertex }
		if json.Unmarshal(lines.Bytes(), &status) != nil {
			continue
		}
		for _, v := range status.Vertexes {
			if v.Started == "" {
				continue
			}
			if starts[v.Digest] == nil {
				starts[v.Digest] = map[string]bool{}
			}
			starts[v.Digest][v.Started] = true
			last[v.Digest] = v
		}
	}
	steps := map[string]int{}
	for id, v := range last {
		m := ranStep.FindStringSubmatch(v.Name)
		if m == nil {
			continue
		}
		if v.Cached || v.Completed == "" || len(starts[id]) != 1 {
			t.Errorf("%s: cached %v, completed %q, started %d times", v.Name, v.Cached, v.Completed, len(starts[id]))
		}
		stage := strings.TrimPrefix(m[1], "stage-")
		if name, ok := names[stage]; ok {
			stage = name
		}
		steps[stepKey(stage, m[2])]++
	}
	return steps
}

// stepKey leaves out what the builder writes in another way: a Dockerfile of
// one stage has no names, and heredocs stand in a line.
func stepKey(stage, text string) string {
	text, _, _ = strings.Cut(text, "<<")
	if stage == "" {
		stage = "0"
	}
	return fmt.Sprintf("%s: %s", stage, text)
}
