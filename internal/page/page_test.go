package page

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/orch-build/orch/internal/browser"
	"github.com/orch-build/orch/internal/need"
)

func TestMain(m *testing.M) { os.Exit(browser.Main(m)) }

// evil is a text that tries to leave its place.
const evil = `</script></title></style><script>document.title="broken"</script>"'><img src=x onerror="document.title='broken'">`

// sample is a run of n targets on shared stages; two of them fail.
func sample(n int) *Data {
	d := &Data{
		Title: "orch: a run", Heading: "orch run", Run: &Run{ID: "20261129-041205.123-abcd", State: "failed", Seconds: 40 + float64(n)/8},
		Facts: []Fact{{"command", "orch bake -k"}, {"builder", "embedded"}, {"stages", "12 run, 3 cached, 2 shared"}},
		Sources: map[string][]string{"Dockerfile": {"FROM alpine AS base", "RUN apk add gcc", "FROM base AS deps", "COPY go.mod .", "RUN go mod download",
			"FROM deps AS build", "COPY . .", "RUN make", "FROM scratch", "COPY --from=build /app /app"}},
		Critical: []int{1, 2},
	}
	all := []int{}
	for i := range n {
		all = append(all, i)
	}
	vertex := func(v *Vertex) int {
		v.ID = fmt.Sprintf("sha256:%064d", len(d.Vertices))
		d.Vertices = append(d.Vertices, v)
		return len(d.Vertices) - 1
	}
	step := func(v int, label, name, state string, start, seconds float64) {
		d.Steps = append(d.Steps, &Step{Vertex: v, Label: label, Name: name, State: state, Start: start, Seconds: seconds})
	}
	alpine := vertex(&Vertex{Kind: "image", Name: "alpine:3.22", Targets: all})
	base := vertex(&Vertex{Kind: "stage", Name: "base", Layer: 1, Targets: all, Steps: []string{"RUN apk add gcc"}, Inputs: []Input{{Vertex: alpine, Why: "base", Line: 1}},
		Place: &Place{"Dockerfile", 1, 2}, State: "run", Start: 1, End: 9, Seconds: 8})
	step(base, "base 2/2", "RUN apk add gcc", "run", 1, 8)
	deps := vertex(&Vertex{Kind: "stage", Name: "deps", Layer: 2, Targets: all, Steps: []string{"COPY go.mod .", "RUN go mod download"}, Inputs: []Input{{Vertex: base, Why: "base", Line: 3}},
		Place: &Place{"Dockerfile", 3, 5}, State: "run", Start: 9, End: 24, Seconds: 15})
	step(deps, "deps 3/3", "RUN go mod download", "run", 9.5, 14.5)
	for i := range n {
		start, took := 24+float64(i)/8, 3+10*math.Abs(math.Sin(float64(i)))
		t := &Target{Name: fmt.Sprintf("svc-%03d", i), Wanted: true, State: "done", Text: "4.2MB", Attempts: []Attempt{{Start: 24 + float64(i)/10, Seconds: start - 24 - float64(i)/10 + took + 1}}, Exporting: 1,
			Why: []string{"services/api/main.go changed since 16:43"}, Facts: []Fact{{"tags", fmt.Sprintf("registry.example.com/svc-%03d:1", i)}}}
		build := vertex(&Vertex{Kind: "stage", Name: "build-" + t.Name, Layer: 3, Targets: []int{i}, Steps: []string{"COPY . .", "RUN make"}, Inputs: []Input{{Vertex: deps, Why: "base", Line: 6}},
			Place: &Place{"Dockerfile", 6, 8}, State: "run", Start: start, End: start + took, Seconds: took})
		app := vertex(&Vertex{Kind: "stage", Name: "app-" + t.Name, Layer: 4, Targets: []int{i}, Steps: []string{"COPY --from=build /app /app"}, Inputs: []Input{{Vertex: build, Why: "copy", Line: 10}},
			Place: &Place{"Dockerfile", 9, 10}, State: "cached", Start: start + took, End: start + took})
		state := "run"
		if i == n-1 || i == n/2 {
			state = "failed"
			t.State, t.Text, t.Exporting = "failed", "the step ended with exit code 2", 0
			t.Attempts[0].Error = "exit code 2"
			d.Failures = append(d.Failures, &Failure{Targets: []int{i}, Place: "in stage build-" + t.Name + " at Dockerfile:8", Step: "[build 3/3] RUN make",
				Text: "The compiler found an error. exit code: 2", More: "orch logs " + t.Name + " --failed --run 20261129-041205.123-abcd", Left: true,
				Excerpt: []Line{{7, "COPY . .", false}, {8, "RUN make", true}, {9, "FROM scratch", false}},
				Log:     append(slicesOf("cc -c file.c", 47), "src/invoice.c:42:13: error: expected ';'", "make: *** [Makefile:3: invoice.o] Error 1", evil)})
			t.Failure = len(d.Failures)
			d.Vertices[build].State, d.Vertices[build].Failure = "failed", t.Failure
			d.Vertices[app].State, d.Vertices[app].Start, d.Vertices[app].End = "", 0, 0
		}
		step(build, "build 3/3", "RUN make", state, start, took)
		if state != "failed" {
			step(app, "app 1/1", "COPY --from=build /app /app", "cached", start+took, 0)
		}
		t.Results, t.Vertices = []int{app}, []int{alpine, base, deps, build, app}
		d.Targets = append(d.Targets, t)
	}
	return d
}

func slicesOf(text string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = text
	}
	return out
}

func pageOf(t *testing.T, d *Data) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, d); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestPage drives the page as a user does, at three sizes, in a wide and a narrow
// window, light and dark, and leaves pictures of it among the artifacts.
func TestPage(t *testing.T) {
	sizes := []int{3, 300}
	if need.Long() {
		sizes = []int{3, 30, 1000}
	}
	for _, n := range sizes {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			p := browser.Open(t, pageOf(t, sample(n)))
			for _, width := range []int{1280, 400} {
				p.Size(width, 800)
				for _, view := range []string{"g", "t"} {
					p.Type(view)
					p.Light()
					p.Picture(fmt.Sprintf("%d-%d-%s", n, width, view))
					testFits(t, p, n, width)
				}
				p.Dark()
				p.Picture(fmt.Sprintf("%d-%d-dark", n, width))
				p.Type("f")
				p.Picture(fmt.Sprintf("%d-%d-failed", n, width))
				p.Type("Escape", "g")
			}
			p.Size(1280, 800)
			testUse(t, p, n)
			if problems := p.Problems(); len(problems) > 0 {
				t.Error(strings.Join(problems, "\n"))
			}
		})
	}
}

// testFits demands that nothing is wider than the window, that no text is smaller
// than 11 px, and that a failed target and the end of its output are in sight.
func testFits(t *testing.T, p *browser.Page, n, width int) {
	t.Helper()
	var got struct {
		Wide, Scrolls       bool
		Small, Out          []string
		Failed, Log, Marked bool
		Rows                int
	}
	p.Run(`
const seen = (e) => { const r = e.getBoundingClientRect(); return r.width > 0 && r.top >= 0 && r.top < innerHeight && r.left >= 0 && r.left < innerWidth; };
const small = [], out = [];
for (const e of document.querySelectorAll("body *")) {
  if (!e.getClientRects().length || e.closest("svg")) continue;
  const own = [...e.childNodes].some((c) => c.nodeType === 3 && c.textContent.trim());
  if (own && parseFloat(getComputedStyle(e).fontSize) < 11) small.push(e.className + ": " + e.textContent.slice(0, 40));
  const r = e.getBoundingClientRect();
  if (r.right > innerWidth + 1 && !e.closest("#view, .code")) out.push(e.className + ": " + e.textContent.slice(0, 40));
}
const log = document.querySelector(".log");
return { wide: document.documentElement.scrollWidth > innerWidth, scrolls: document.getElementById("view").scrollWidth > document.getElementById("view").clientWidth,
  small, out, failed: [...document.querySelectorAll(".name.failed, .failure h3")].filter(seen).length > 1, log: log.scrollTop + log.clientHeight >= log.scrollHeight - 2,
  marked: [...document.querySelectorAll(".marked")].some(seen), rows: document.querySelectorAll(".name").length };`, &got)
	if got.Wide || got.Scrolls || len(got.Small)+len(got.Out) > 0 || !got.Failed || !got.Log || !got.Marked {
		t.Errorf("%d targets, %d px: %+v", n, width, got)
	}
	if got.Rows > 100 {
		t.Errorf("%d targets: %d rows are drawn", n, got.Rows)
	}
}

// testUse searches, filters, sorts, unfolds, moves and chooses.
func testUse(t *testing.T, p *browser.Page, n int) {
	t.Helper()
	names := func() (out []string) {
		t.Helper()
		p.Run(`return [...document.querySelectorAll(".name.target")].sort((a, b) => a.offsetTop - b.offsetTop).map((e) => e.querySelector("b").textContent)`, &out)
		return out
	}
	text := func(selector string) (out string) {
		t.Helper()
		p.Run(`return document.querySelector("`+selector+`").textContent`, &out)
		return out
	}
	want := func(what string, got, want any) {
		t.Helper()
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%d targets: %s: got %v, want %v", n, what, got, want)
		}
	}
	half, last := fmt.Sprintf("svc-%03d", n/2), fmt.Sprintf("svc-%03d", n-1)
	want("what failed comes first", names()[:2], []string{half, last})
	p.Type("f")
	want("the first failure", text("#details h3"), half)
	p.Type("f")
	want("the next failure", text("#details h3"), last)
	for _, part := range []string{"services/api/main.go changed since 16:43", "to write its outputs", "for a place to run"} {
		if part == "to write its outputs" {
			p.Type("Escape")
			p.Run(`document.querySelector(".name.done").click()`, nil)
		}
		if got := text("#details"); part != "for a place to run" && !strings.Contains(got, part) {
			t.Errorf("%d targets: the details lack %q: %s", n, part, got)
		}
	}
	p.Type("Escape", "/")
	for _, c := range last {
		p.Type(string(c))
	}
	want("found", names()[0], last)
	if got := text("#found"); !strings.HasPrefix(got, "1 of ") {
		t.Errorf("found %q", got)
	}
	p.Type("Enter")
	want("Enter chooses it", text("#details h3"), last)
	p.Type("Escape", "/")
	p.Run(`const s = document.getElementById("search"); s.value = "nothing has this"; s.dispatchEvent(new Event("input"))`, nil)
	want("found of nothing", len(names()), 0)
	p.Type("Escape")
	p.Run(`const s = document.getElementById("filter"); s.value = "failed"; s.dispatchEvent(new Event("change"))`, nil)
	want("those that failed", names(), []string{half, last})
	p.Run(`const s = document.getElementById("filter"); s.value = "all"; s.dispatchEvent(new Event("change"))
const o = document.getElementById("sort"); o.value = "name"; o.dispatchEvent(new Event("change"))
if (!document.getElementById("fold").hidden) document.getElementById("fold").click()`, nil)
	want("by name", names()[0], "svc-000")
	p.Run(`document.getElementById("view").focus()`, nil)
	p.Type("End", "Enter")
	want("the last row", text("#details h3"), last)
	var before, after, moved float64
	width := func(to *float64) { p.Run(`return document.querySelector(".vertex").offsetWidth`, to) }
	width(&before)
	p.Type("+")
	width(&after)
	if after <= before {
		t.Errorf("%d targets: larger is %v after %v", n, after, before)
	}
	p.Type("+", "+", "+")
	p.Mouse("mousePressed", 700, 300)
	p.Mouse("mouseMoved", 500, 300)
	p.Mouse("mouseReleased", 500, 300)
	p.Run(`return document.getElementById("view").scrollLeft`, &moved)
	if moved < 50 {
		t.Errorf("%d targets: dragged, the graph is at %v", n, moved)
	}
	p.Type("Escape", "0")
	width(&after)
	want("it fits again", after, before)
}

// TestHostileTexts demands that texts stay texts, also where the policy of the page
// would not let them do anything.
func TestHostileTexts(t *testing.T) {
	d := sample(3)
	d.Title, d.Heading, d.Run.ID, d.Run.State = evil, evil, evil, evil
	for _, g := range d.Targets {
		g.Name, g.Text, g.Note, g.Why, g.Facts = g.Name+evil, evil, evil, []string{evil}, []Fact{{evil, evil}}
	}
	for _, v := range d.Vertices {
		v.Name, v.Platform, v.Names, v.Steps, v.Args = v.Name+evil, evil, []string{evil}, []string{evil}, []Fact{{evil, evil}}
	}
	for _, s := range d.Steps {
		s.Name, s.Label = evil, evil
	}
	for _, f := range d.Failures {
		f.Place, f.Step, f.Text, f.More, f.Excerpt[0].Text = evil, evil, evil, evil, evil
	}
	d.Sources["Dockerfile"][0] = evil
	html := pageOf(t, d)
	if n := strings.Count(string(html), "<script"); n != 2 {
		t.Errorf("the page has %d scripts", n)
	}
	if strings.Contains(string(html), "<img") {
		t.Error("a text became an element")
	}
	p := browser.Open(t, html)
	var got struct {
		Title    string
		Elements int
	}
	look := func() {
		t.Helper()
		p.Run(`return { title: document.title, elements: document.querySelectorAll("img, main script, header script").length }`, &got)
		if got.Title != evil || got.Elements != 0 {
			t.Errorf("%+v", got)
		}
	}
	for range 2 {
		for _, selector := range []string{".name.failed", ".name.done", ".vertex.failed", ".vertex.run"} {
			p.Run(`const e = document.querySelector("`+selector+`"); if (e) e.click()`, nil)
			look()
		}
		p.Type("t")
	}
	p.Size(400, 800)
	var wide bool
	p.Run(`return document.documentElement.scrollWidth > innerWidth`, &wide)
	if problems := p.Problems(); len(problems) > 0 || wide {
		t.Errorf("wide %v: %s", wide, strings.Join(problems, "\n"))
	}
}

// TestPolicy demands that the page lets in its own script and nothing else.
func TestPolicy(t *testing.T) {
	p := browser.Open(t, []byte(strings.Replace(string(pageOf(t, sample(3))), "</body>", `<script>document.title = "broken"</script></body>`, 1)))
	var title string
	p.Run(`return document.title`, &title)
	if title != "orch: a run" || len(p.Problems()) == 0 {
		t.Errorf("a script from elsewhere ran: title %q", title)
	}
}

// TestEmpty demands that a page of nothing is one.
func TestEmpty(t *testing.T) {
	for _, d := range []*Data{{Heading: "orch plan"}, {Heading: "orch run", Run: &Run{State: "done"}}} {
		p := browser.Open(t, pageOf(t, d))
		p.Type("t", "f", "g", "ArrowDown", "Enter", "+", "0")
		if problems := p.Problems(); len(problems) > 0 {
			t.Error(strings.Join(problems, "\n"))
		}
	}
}

// TestSound demands that what refers to nothing is left out.
func TestSound(t *testing.T) {
	d := &Data{
		Targets: []*Target{nil, {Results: []int{5, -1, 0}, Vertices: []int{0, 9}, After: []int{7}}}, Critical: []int{3, 0},
		Vertices: []*Vertex{{Layer: 1 << 40, Inputs: []Input{{Vertex: 0}, {Vertex: -1}}, Targets: []int{4}}, nil},
	}
	d.Sound()
	v, g := d.Vertices[0], d.Targets[0]
	if len(d.Vertices) != 1 || len(d.Targets) != 1 || len(v.Inputs) != 0 || v.Layer > 1 || len(v.Targets) != 0 ||
		fmt.Sprint(g.Results, g.Vertices, g.After, d.Critical) != "[0] [0] [] [0]" {
		t.Errorf("%+v %+v %v", v, g, d.Critical)
	}
}
