//go:build linux

package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"
)

// TestPlanIsWhatRuns holds plans against what BuildKit does on a builder that
// has never built anything: the same steps, no others, each once. A project may
// have orch make something first: its file "setup" holds the arguments.
func TestPlanIsWhatRuns(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(r.URL.Path))
	}))
	defer server.Close()
	state := filepath.Join(filepath.Dir(shared.state), "plan")
	orch := func(dir string, args ...string) (stdout, stderr []byte) {
		t.Helper()
		cmd := exec.Command(filepath.Join(shared.bin, "orch"), args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "ORCH_STATE_DIR="+state, "BUSYBOX="+shared.busybox, "SERVER="+server.URL)
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
			if setup := unpackArchive(t, name, dir); setup != "" {
				orch(dir, strings.Fields(setup)...)
			}
			plan, _ := orch(dir, "plan", "--format", "json")
			_, raw := orch(dir, "bake", "--progress", "rawjson")
			want, names := plannedSteps(t, plan)
			for _, ran := range stepsThatRan(t, raw, names) {
				at := slices.IndexFunc(want, func(p plannedStep) bool { return p.stage == ran.stage && p.text.MatchString(ran.text) })
				if at < 0 {
					t.Errorf("stage %s: %s: ran, and was not planned", ran.stage, ran.text)
					continue
				}
				want = slices.Delete(want, at, at+1)
			}
			for _, p := range want {
				t.Errorf("stage %s: %s: planned, and did not run", p.stage, p.text)
			}
		})
	}
}

// unpackArchive writes the files of an archive, but for the one called "setup",
// which it returns.
func unpackArchive(t *testing.T, name, dir string) (setup string) {
	t.Helper()
	ar, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range ar.Files {
		if f.Name == "setup" {
			setup = string(f.Data)
			continue
		}
		path := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return setup
}

// plannedStep is a step of a plan: what the builder shows for it matches text.
type plannedStep struct {
	stage string
	text  *regexp.Regexp
}

// ranStep is a step that the builder ran.
type ranStep struct{ stage, text string }

// plannedSteps lists the steps of the stages in a plan. A stage that is written
// more than once has several names, which the map leads to the one that the
// list has.
func plannedSteps(t *testing.T, data []byte) (steps []plannedStep, names map[string]string) {
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
	names = map[string]string{}
	for _, v := range plan.Vertices {
		if v.Kind != "stage" {
			continue
		}
		for _, name := range v.Names {
			names[name] = v.Name
		}
		for _, s := range v.Steps {
			if !strings.EqualFold(s.Text[:5], "FROM ") {
				steps = append(steps, plannedStep{v.Name, stepPattern(s.Text)})
			}
		}
	}
	for i := range steps {
		if name, ok := names[steps[i].stage]; ok {
			steps[i].stage = name
		}
	}
	return steps, names
}

var shownStep = regexp.MustCompile(`^(\[(?:[^:]*: )?(?:\S+/\S+ )?(?:(\S+) )?\d+/\d+\] (?:ONBUILD |LINK )*(.*))$`)

// stepsThatRan lists the steps that the builder ran. It fails the test
// if one of them was in the cache, or was run twice.
func stepsThatRan(t *testing.T, raw []byte, names map[string]string) []ranStep {
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
	// The vertices beside a step come after it, to be known as such.
	ids := slices.SortedFunc(maps.Keys(last), func(a, b string) int {
		x, y := severalVertices.MatchString(last[a].Name), severalVertices.MatchString(last[b].Name)
		switch {
		case x == y:
			return strings.Compare(a, b)
		case x:
			return 1
		}
		return -1
	})
	var steps []ranStep
	for _, id := range ids {
		v := last[id]
		m := shownStep.FindStringSubmatch(v.Name)
		if m == nil {
			continue
		}
		several := severalVertices.MatchString(m[1])
		if v.Cached || v.Completed == "" || len(starts[id]) != 1 && !several {
			t.Errorf("%s: cached %v, completed %q, started %d times", v.Name, v.Cached, v.Completed, len(starts[id]))
		}
		stage := strings.TrimPrefix(m[2], "stage-")
		if name, ok := names[stage]; ok {
			stage = name
		}
		if stage == "" {
			stage = "0" // a Dockerfile of one stage has no names
		}
		step := ranStep{stage, plainStep(m[3])}
		if several && slices.Contains(steps, step) {
			continue
		}
		steps = append(steps, step)
	}
	return steps
}

var (
	// Fetching a file is a vertex beside that of the ADD, and so is joining what
	// --link keeps apart.
	severalVertices = regexp.MustCompile(`LINK|ADD .*https?://`)
	variable        = regexp.MustCompile(`\\\$(\\\{.*?\\\}|\w+)`)
)

// plainStep leaves out what the builder writes in another way: heredocs stand
// in a line, lists without quotes, and spaces are as they were.
func plainStep(text string) string {
	text, _, _ = strings.Cut(text, "<<")
	words := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t,[]\"", r) })
	words[0] = strings.ToUpper(words[0])
	return strings.Join(words, " ")
}

// stepPattern matches a step as the builder shows it, with values in the place
// of variables.
func stepPattern(text string) *regexp.Regexp {
	quoted := regexp.QuoteMeta(plainStep(text))
	return regexp.MustCompile("^(?:" + quoted + "|" + variable.ReplaceAllString(quoted, ".*") + ")$")
}
