package print

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orch-build/orch/config/policy"
	"github.com/orch-build/orch/internal/need"
	"github.com/orch-build/orch/planner"
)

// open shows a page with a script at its end, and returns what the script left
// in report. The page must not load anything nor complain of anything.
func open(t *testing.T, plan *planner.Plan, script string, report any) {
	t.Helper()
	var b bytes.Buffer
	if err := HTML(&b, plan, Options{}); err != nil {
		t.Fatal(err)
	}
	before := `<script>
const problems = [];
addEventListener("error", (e) => problems.push("error: " + e.message));
addEventListener("unhandledrejection", (e) => problems.push("rejection: " + e.reason));
document.addEventListener("securitypolicyviolation", (e) => problems.push("load: " + e.blockedURI));
for (const level of ["error", "warn"]) console[level] = (...args) => problems.push(level + ": " + args.join(" "));
</script>`
	after := `<textarea id="report"></textarea><script>
const report = {};
try { ` + script + ` } catch (e) { problems.push(e.stack); }
for (const r of performance.getEntriesByType("resource")) problems.push("load: " + r.name);
report.problems = problems;
document.getElementById("report").textContent = JSON.stringify(report);
</script>`
	text := strings.Replace(b.String(), "<title>", before+"<title>", 1)
	text = strings.Replace(text, "</body>", after+"</body>", 1)
	dir := t.TempDir()
	file := filepath.Join(dir, "plan.html")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, need.Browser(t), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
		"--window-size=1400,900", "--user-data-dir="+filepath.Join(dir, "profile"), "--dump-dom", "file://"+file)
	cmd.Env = append(os.Environ(), "HOME="+dir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("running the browser: %v\n%s", err, stderr.String())
	}
	found := regexp.MustCompile(`(?s)<textarea id="report">(.*?)</textarea>`).FindSubmatch(out)
	if found == nil {
		t.Fatalf("the page did not come to its end:\n%s", stderr.String())
	}
	if err := json.Unmarshal([]byte(html.UnescapeString(string(found[1]))), report); err != nil {
		t.Fatalf("%v: %s", err, found[1])
	}
}

// tryPage drives the page as a user would, and notes what is to be seen.
const tryPage = `
const shown = (selector) => [...document.querySelectorAll(selector)].filter((e) => !e.hidden && e.getClientRects().length);
const names = (selector) => shown(selector).map((e) => e.dataset.target);
const ids = (selector) => [...document.querySelectorAll(selector)].map((e) => e.dataset.id);
const search = document.getElementById("search");
const find = (text) => { search.value = text; search.dispatchEvent(new Event("input")); };
const key = (k) => document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: k, bubbles: true, cancelable: true }));
const row = (name) => document.querySelector('.target[data-target="' + name + '"]');

report.folded = shown(".vertex").length;
const fold = document.getElementById("fold");
if (!fold.hidden) fold.click();
report.vertices = shown(".vertex").map((e) => e.dataset.id);
report.overlaps = 0;
const places = new Set();
for (const e of shown(".vertex, .end")) {
  const at = e.style.left + "," + e.style.top;
  if (places.has(at)) report.overlaps++;
  places.add(at);
}

row("svc-001").dispatchEvent(new MouseEvent("mouseenter"));
report.hovered = ids(".vertex.on");
row("svc-001").dispatchEvent(new MouseEvent("mouseleave"));
report.left = ids(".vertex.on");

document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "/", bubbles: true, cancelable: true }));
report.searching = document.activeElement === search;
find("svc-00");
report.byName = names(".target");
find("npm ci");
report.byStep = names(".target");
report.matches = ids(".vertex.match");
find("nothing has this");
report.nothing = names(".target");
find("");
report.all = names(".target").length;

search.focus();
key("ArrowDown");
key("ArrowDown");
key("Enter");
report.chosen = [...document.querySelectorAll('.target[aria-selected="true"]')].map((e) => e.dataset.target);
document.activeElement.blur();
report.chosenLit = ids(".vertex.on");
report.details = document.getElementById("details").textContent;
document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
report.cleared = document.querySelectorAll('.target[aria-selected="true"], .vertex.chosen').length;

report.lines = {};
const every = Math.ceil(report.vertices.length / 80);
report.vertices.forEach((id, i) => {
  if (i % every) return;
  document.querySelector('.vertex[data-id="' + id + '"]').click();
  report.lines[id] = [...document.querySelectorAll("#details .code")].slice(0, 1).flatMap((c) => [...c.querySelectorAll("span")].map((s) => s.textContent));
});
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
				Problems, Vertices, Hovered, Left, ByName, ByStep, Matches, Nothing, Chosen, ChosenLit []string
				Folded, All, Cleared, Overlaps                                                         int
				Searching                                                                              bool
				Details                                                                                string
				Lines                                                                                  map[string][]string
			}
			open(t, plan, tryPage, &got)
			if len(got.Problems) > 0 {
				t.Fatalf("problems: %q", got.Problems)
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
			same("vertices", got.Vertices, ids(plan.Graph.Vertices))
			if n >= 100 && got.Folded > 60 {
				t.Errorf("folded, %d vertices are shown", got.Folded)
			}
			if got.Overlaps > 0 {
				t.Errorf("%d boxes lie on others", got.Overlaps)
			}
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
			same("found of nothing", got.Nothing, nil)
			same("chosen", got.Chosen, []string{"svc-001"})
			same("lit by choice", got.ChosenLit, ids(reach["svc-001"]))
			if !got.Searching || got.All != n || got.Cleared != 0 {
				t.Errorf("searching %v, all %d, cleared %d", got.Searching, got.All, got.Cleared)
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
	var got struct{ Problems, Lines []string }
	open(t, hostile(t), `
document.querySelector('.vertex[data-kind="stage"]').click();
report.lines = [...document.querySelectorAll("#details .code span")].map((s) => s.textContent);
`, &got)
	if len(got.Problems) > 0 {
		t.Errorf("problems: %q", got.Problems)
	}
	if len(got.Lines) < 4 || !strings.Contains(got.Lines[1], "</script><script>alert(1)</script>") {
		t.Errorf("shows %q", got.Lines)
	}
}
