//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// explained is what the tests read of orch explain --json.
type explained struct {
	Checked bool
	Wrong   []struct{ Target, Step, Predicted, Was, Why string }
	Targets []struct {
		Target, Change string
		Steps          []struct {
			Stage, Vertex, Text, Will, Why, Key string
			Nth, Of                             int
		}
	}
}

func explainJSON(t *testing.T, state, dir string, args ...string) explained {
	t.Helper()
	cmd := runOn(state, dir, append([]string{"explain", "--json"}, args...)...)
	out, err := cmd.Output()
	var x explained
	if err == nil {
		err = json.Unmarshal(out, &x)
	}
	if err != nil {
		t.Fatalf("orch explain: %v\n%s", err, out)
	}
	return x
}

// number is a number of the environment.
func number(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

// TestExplainPredictions changes random projects, has orch say which steps will
// run, builds them, and compares: what was to run has run, what was to be cached
// was. ORCH_PREDICTIONS says how many runs, ORCH_SEED where to start.
func TestExplainPredictions(t *testing.T) {
	t.Parallel()
	const together = 3
	runs, seed := number("ORCH_PREDICTIONS", 12), number("ORCH_SEED", 1)
	dir := t.TempDir()
	// The builder of the other tests has steps cached that were not run
	// under this project's name, and that it cannot foresee.
	state, err := os.MkdirTemp("/tmp", "orch-e2e-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(state)
	defer func() { _ = runOn(state, dir, "builder", "stop", "--now").Run() }()
	steps, maybe := 0, 0
	for i := 0; i < runs; {
		r := rand.New(rand.NewPCG(uint64(seed), uint64(i)))
		var projects []*randomProject
		for range together {
			projects = append(projects, newRandomProject(r, nil))
		}
		var earlier [][]*randomProject
		for round := range 6 {
			if round > 0 {
				earlier = append(earlier, projects)
				if r.IntN(6) == 0 {
					projects = earlier[r.IntN(len(earlier))]
				}
				projects = clones(projects)
				for _, p := range projects {
					p.mutate(r)
				}
			}
			writeProjects(t, dir, projects)
			before := explainJSON(t, state, dir)
			result := filepath.Join(dir, "result.json")
			out, err := runOn(state, dir, "bake", "--keep-going", "--progress", "plain", "--result", result).CombinedOutput()
			if err != nil && !strings.Contains(string(out), "failed") {
				t.Fatalf("%v\n%s", err, out)
			}
			n, m := comparePredictions(t, before, result)
			steps, maybe = steps+n, maybe+m
			if after := explainJSON(t, state, dir, "--last"); len(after.Wrong) > 0 {
				t.Errorf("orch says that it was wrong: %+v", after.Wrong)
			}
			i += together
			if t.Failed() {
				t.Fatalf("seed %d, run %d\n%s\n%s\n%s", seed, i, definition(projects), projects[0].dockerfile(), out)
			}
		}
	}
	t.Logf("%d runs, %d steps as predicted, %d that might run or not", runs, steps, maybe)
	if maybe > steps {
		t.Errorf("more guesses (%d) than predictions (%d)", maybe, steps)
	}
}

func clones(list []*randomProject) []*randomProject {
	var out []*randomProject
	for _, p := range list {
		out = append(out, p.clone())
	}
	return out
}

// comparePredictions compares what was predicted with the record of the run, and
// returns how many steps were as predicted, and how many were not predicted.
func comparePredictions(t *testing.T, x explained, path string) (steps, maybe int) {
	t.Helper()
	var rec struct {
		Steps []struct {
			Name, Label, Vertex string
			Cached, Failed      bool
			Targets             []string
		}
	}
	if err := json.Unmarshal([]byte(readText(t, path)), &rec); err != nil {
		t.Fatal(err)
	}
	cached := map[string]bool{}
	for _, s := range rec.Steps {
		if s.Vertex == "" || s.Failed || strings.HasPrefix(s.Name, "LINK ") {
			continue
		}
		key := s.Vertex + " " + s.Label[strings.LastIndexByte(s.Label, ' ')+1:]
		was, ok := cached[key]
		cached[key] = s.Cached && (was || !ok)
	}
	// Of equal steps under several names, the first to come runs.
	ran := map[string]bool{}
	for _, target := range x.Targets {
		for _, s := range target.Steps {
			was, ok := cached[fmt.Sprintf("%s %d/%d", s.Vertex, s.Nth, s.Of)]
			ran[s.Key] = ran[s.Key] || ok && !was
		}
	}
	for _, target := range x.Targets {
		for _, s := range target.Steps {
			_, ok := cached[fmt.Sprintf("%s %d/%d", s.Vertex, s.Nth, s.Of)]
			was := !ran[s.Key]
			switch {
			case !ok: // shown for a stage that is equal, or not reached
			case s.Will == "maybe":
				maybe++
			case was != (s.Will == "cached"):
				t.Errorf("%s %s %d/%d %s: predicted %s (%s), cached: %v", target.Target, s.Stage, s.Nth, s.Of, s.Text, s.Will, s.Why, was)
			default:
				steps++
			}
		}
	}
	return steps, maybe
}
