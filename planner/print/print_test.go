package print

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/inputs"
	"github.com/orch-build/orch/planner/plannertest"
)

// TestFormats holds some fixtures against their goldens in every form but the
// page, whose data is that of JSON.
func TestFormats(t *testing.T) {
	for _, name := range []string{"guide", "links", "mounts", "opaque-syntax", "platforms"} {
		plan := fixture(t, filepath.Join("../testdata", name+".txtar"))
		if plan == nil {
			t.Fatalf("%s has faults", name)
		}
		for ext, print := range map[string]func(io.Writer, *planner.Plan, Options) error{"json": JSON, "dot": DOT, "mmd": Mermaid} {
			t.Run(name+"."+ext, func(t *testing.T) {
				var b bytes.Buffer
				if err := print(&b, plan, Options{}); err != nil {
					t.Fatal(err)
				}
				golden := filepath.Join("testdata", "format", name+"."+ext)
				if *update {
					if err := os.WriteFile(golden, b.Bytes(), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(golden)
				if err != nil {
					t.Fatal(err)
				}
				if b.String() != string(want) {
					t.Errorf("%s:\n%s", golden, b.String())
				}
			})
		}
	}
}

// A stage without a recorded time is not one that takes none: a chain that grew
// is not hidden by a shorter one that was timed.
func TestCriticalPathEstimates(t *testing.T) {
	text := "FROM a AS base\nRUN 1\nFROM base AS timed\nRUN 2\nFROM base AS fresh\nRUN 3\nRUN 4\nRUN 5\nFROM x\nCOPY --from=timed / /\nCOPY --from=fresh / /\n"
	plan := newPlan(t, &config.Config{Targets: []*config.Target{
		{Name: "t", Context: config.Context{Value: "."}, DockerfileInline: &text},
	}}, plannertest.Files{"x": &fstest.MapFile{}})
	times := planner.Times{}
	for _, v := range plan.Graph.Vertices {
		if v.Name == "base" || v.Name == "timed" {
			times[v.ID] = 10 * time.Second
		}
	}
	var names []string
	path := plan.CriticalPath(times)
	for _, v := range path.Vertices {
		names = append(names, v.Name)
	}
	if got := strings.Join(names, " "); got != "base fresh 3" || path.Time != 10*time.Second || path.Timed != 1 {
		t.Errorf("%s, %s in %d", got, path.Time, path.Timed)
	}
	var b strings.Builder
	if err := Text(&b, plan, TextOptions{Options: Options{Times: times}}); err != nil {
		t.Fatal(err)
	}
	if want := "3 stages, 10.0s and 2 never timed"; !strings.Contains(b.String(), want) {
		t.Errorf("it does not say %q:\n%s", want, b.String())
	}
}

// hostile is a plan whose texts try to leave the place that they are put in.
func hostile(t *testing.T) *planner.Plan {
	text := "FROM alpine AS a\nRUN echo \"</script><script>alert(1)</script>\" '<!--' \\\"\nCOPY [\"x\\u001b[31m];\", \"/\"]\nRUN echo `{{js}}` {{data}}\nLABEL é=\"\xff\"\n"
	tag := `x"]; <b>&amp;#quot;`
	return newPlan(t, &config.Config{Targets: []*config.Target{{
		Name: "t", Context: config.Context{Value: "."}, DockerfileInline: &text, Tags: []string{tag, "token-hunter2"},
		Args:    map[string]string{"A": "hunter2"},
		CacheTo: []config.CacheEntry{config.NewCacheEntry(config.Entry{Type: "s3", Attrs: map[string]string{"secret_access_key": "cachekey", "bucket": "b"}})},
	}}}, plannertest.Files{"x": &fstest.MapFile{}})
}

func TestFormatsEscapeAndMask(t *testing.T) {
	plan := hostile(t)
	opt := Options{Mask: func(s string) string { return strings.ReplaceAll(s, "hunter2", config.Masked) }}
	forms := map[string]string{}
	for name, print := range map[string]func(io.Writer, *planner.Plan, Options) error{
		"json": JSON, "dot": DOT, "mermaid": Mermaid, "html": HTML,
		"text": func(w io.Writer, plan *planner.Plan, opt Options) error {
			return Text(w, plan, TextOptions{Options: opt})
		},
	} {
		var b bytes.Buffer
		if err := print(&b, plan, opt); err != nil {
			t.Fatal(err)
		}
		forms[name] = b.String()
		for _, secret := range []string{"hunter2", "cachekey"} {
			if strings.Contains(b.String(), secret) {
				t.Errorf("%s shows %s", name, secret)
			}
		}
		if strings.Contains(b.String(), "\x1b") {
			t.Errorf("%s steers the terminal", name)
		}
	}
	if n := strings.Count(forms["html"], "</script>"); n != 2 {
		t.Errorf("the page has %d ends of scripts", n)
	}
	_, data, _ := strings.Cut(forms["html"], `<script type="application/json" id="data">`)
	data, _, _ = strings.Cut(data, "</script>")
	var page struct{ Sources map[string][]string }
	if err := json.Unmarshal([]byte(data), &page); err != nil {
		t.Fatal(err)
	}
	lines := page.Sources["Dockerfile (inline in t)"]
	if len(lines) != 5 || !strings.Contains(lines[1], "</script><script>") || !strings.Contains(lines[3], "{{data}}") {
		t.Errorf("sources are %q", page.Sources)
	}
}

// TestTextFits demands that no line of the text is wider than the terminal,
// and that many targets stay few lines.
func TestTextFits(t *testing.T) {
	for _, c := range []struct{ targets, lines int }{{3, 60}, {30, 70}, {300, 70}} {
		plan := project(t, c.targets)
		for _, width := range []int{60, 80, 120} {
			var b strings.Builder
			if err := Text(&b, plan, TextOptions{Width: width, Color: true}); err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(b.String(), "\n")
			for _, l := range lines {
				if termtext.Width(l) > width {
					t.Errorf("%d targets, width %d: %q", c.targets, width, l)
				}
			}
			if width == 120 && len(lines) > c.lines {
				t.Errorf("%d targets take %d lines:\n%s", c.targets, len(lines), b.String())
			}
		}
	}
}

// TestSchema holds the printed plans against docs/plan.schema.json, which has
// to describe every field.
func TestSchema(t *testing.T) {
	text, err := os.ReadFile("../../docs/plan.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	closed := strings.ReplaceAll(string(text), `"additionalProperties": true`, `"additionalProperties": false`)
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(closed))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("plan.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("plan.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob("../testdata/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, name := range names {
		plan := fixture(t, name)
		if plan == nil {
			continue
		}
		times := planner.Times{}
		for _, v := range plan.Graph.Vertices {
			times[v.ID] = time.Second
		}
		in, _ := inputs.Compute(plan, inputs.Options{Tree: noFiles{}})
		var b bytes.Buffer
		if err := JSON(&b, plan, Options{Times: times, Inputs: in}); err != nil {
			t.Fatal(err)
		}
		printed, err := jsonschema.UnmarshalJSON(&b)
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(printed); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
