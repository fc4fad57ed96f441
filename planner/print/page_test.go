package print

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/orch-build/orch/config/policy"
	"github.com/orch-build/orch/internal/browser"
	"github.com/orch-build/orch/internal/need"
	"github.com/orch-build/orch/planner"
)

func TestMain(m *testing.M) { os.Exit(browser.Main(m)) }

// open shows the page of a plan.
func open(t *testing.T, plan *planner.Plan) *browser.Page {
	t.Helper()
	var b bytes.Buffer
	if err := HTML(&b, plan, Options{}); err != nil {
		t.Fatal(err)
	}
	return browser.Open(t, b.Bytes())
}

// tryPage drives the page as a user would, and notes what is to be seen.
const tryPage = `
const report = {};
const shown = (selector) => [...document.querySelectorAll(selector)].filter((e) => e.getClientRects().length);
const names = () => shown(".name.target").map((e) => e.dataset.name);
const ids = (selector) => shown(selector).map((e) => e.dataset.id);
const search = document.getElementById("search"), view = document.getElementById("view");
const find = (text) => { search.value = text; search.dispatchEvent(new Event("input")); };
const key = (k) => document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: k, bubbles: true, cancelable: true }));
const row = (name) => shown(".name.target").find((e) => e.dataset.name === name);

report.folded = shown(".vertex").length;
report.first = shown(".vertex, .name").filter((e) => e.getBoundingClientRect().right > innerWidth).length;
find("svc-001");
row("svc-001").dispatchEvent(new MouseEvent("mouseover", { bubbles: true }));
report.hovered = ids(".vertex.on");
view.dispatchEvent(new MouseEvent("mouseleave"));
report.left = ids(".vertex.on");
find("svc-00");
report.byName = names();
find("npm ci");
report.byStep = names();
report.matches = ids(".vertex.match");
find("svc-001");
search.focus();
key("Enter");
report.chosen = shown('.name[aria-selected="true"]').map((e) => e.dataset.name);
report.chosenLit = ids(".vertex.on");
report.details = document.getElementById("details").textContent;
key("Escape");
report.cleared = shown('.name[aria-selected="true"], .vertex.chosen').length;
find("");
if (!document.getElementById("fold").hidden) document.getElementById("fold").click();
report.vertices = ids(".vertex");
report.lines = {};
for (const e of shown(".vertex")) {
  const id = e.dataset.id;
  e.click();
  report.lines[id] = [...document.querySelectorAll("#details .code")].slice(0, 1).flatMap((c) => [...c.querySelectorAll("span")].map((s) => s.textContent));
}
return report;
`

func TestPage(t *testing.T) {
	sizes := []int{3, 100}
	if need.Long() {
		sizes = []int{3, 30, 300}
	}
	for _, n := range sizes {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			plan := project(t, n)
			for _, b := range plan.Builds {
				b.Policies = &policy.Set{Policies: []policy.Policy{{Files: []policy.File{{Name: "a.rego"}}, Strict: true}}, Unseen: "there.rego", Off: []string{"off.rego"}}
			}
			var got struct {
				Vertices, Hovered, Left, ByName, ByStep, Matches, Chosen, ChosenLit []string
				Folded, Cleared, First                                              int
				Details                                                             string
				Lines                                                               map[string][]string
			}
			p := open(t, plan)
			p.Size(1400, 20000) // all rows are in sight, and drawn
			p.Run(tryPage, &got)
			if problems := p.Problems(); len(problems) > 0 {
				t.Fatalf("problems: %q", problems)
			}
			same := func(what string, got, want []string) {
				t.Helper()
				got, want = slices.Clone(got), slices.Clone(want)
				slices.Sort(got)
				slices.Sort(want)
				if !slices.Equal(got, want) {
					t.Errorf("%s: %q, want %q", what, got, want)
				}
			}
			reach := plan.Reached()
			if n >= 100 && got.Folded > 60 {
				t.Errorf("folded, %d vertices are shown", got.Folded)
			}
			same("vertices", got.Vertices, ids(plan.Graph.Vertices))
			same("hovered", got.Hovered, ids(reach["svc-001"]))
			same("left", got.Left, nil)
			var named, web []string
			for _, b := range plan.Builds {
				if strings.Contains(b.Name(), "svc-00") {
					named = append(named, b.Name())
				}
				if slices.ContainsFunc(reach[b.Name()], func(v *planner.Vertex) bool { return v.Name == "nodebase" }) {
					web = append(web, b.Name())
				}
			}
			same("found by name", got.ByName, named)
			same("found by step", got.ByStep, web)
			for _, id := range got.Matches {
				if !slices.ContainsFunc(plan.Graph.Vertices, func(v *planner.Vertex) bool { return v.ID == id && v.Name == "nodebase" }) {
					t.Errorf("%s does not match npm ci", id)
				}
			}
			same("chosen", got.Chosen, []string{"svc-001"})
			same("lit by choice", got.ChosenLit, ids(reach["svc-001"]))
			if got.Cleared != 0 || got.First != 0 {
				t.Errorf("cleared %d, outside of the window %d", got.Cleared, got.First)
			}
			for _, part := range []string{"svc-001", "go.mod go.sum", "registry.example.com/svc-001", "COPY --from=build-svc-001",
				"a.rego (strict)", "there.rego (if the context has it)", "off.rego (switched off)"} {
				if !strings.Contains(got.Details, part) {
					t.Errorf("the details lack %q: %s", part, got.Details)
				}
			}
			checkLines(t, plan, got.Lines)
		})
	}
}

// checkLines demands that every stage shows its lines, and every image those
// that name it.
func checkLines(t *testing.T, plan *planner.Plan, lines map[string][]string) {
	t.Helper()
	source := strings.Split(string(plan.Sources["Dockerfile"]), "\n")
	checked := 0
	for _, v := range plan.Graph.Vertices {
		got, ok := lines[v.ID]
		if !ok || v.Range.Start.Line == 0 {
			continue
		}
		checked++
		want := source[v.Range.Start.Line-1 : v.Range.End.Line]
		if v.Kind != planner.LocalContext && !slices.Equal(got, want) {
			t.Errorf("%s shows %q, want %q", v.Name, got, want)
		}
	}
	if checked < min(10, len(plan.Graph.Vertices)/2) {
		t.Errorf("only %d of the vertices were looked at", checked)
	}
}

// TestPageOfHostileTexts demands that texts stay texts.
func TestPageOfHostileTexts(t *testing.T) {
	p := open(t, hostile(t))
	var lines []string
	p.Run(`document.querySelector('.vertex[data-kind="stage"]').click();
return [...document.querySelectorAll("#details .code span")].map((s) => s.textContent);`, &lines)
	if problems := p.Problems(); len(problems) > 0 {
		t.Errorf("problems: %q", problems)
	}
	if len(lines) < 4 || !strings.Contains(lines[1], "</script><script>alert(1)</script>") {
		t.Errorf("shows %q", lines)
	}
}
