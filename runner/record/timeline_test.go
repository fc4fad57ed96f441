package record

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/orch-build/orch/internal/golden"
	"github.com/orch-build/orch/internal/need"
	"github.com/orch-build/orch/runner"
)

// hostileRecord is a record whose texts try to leave their places.
func hostileRecord() *Record {
	rec := sampleRecord()
	evil := `</title></style><script>document.title="broken"</script>"'><img src=x onerror=alert(1)>`
	rec.Project, rec.Builder = evil, evil
	for _, t := range rec.Targets {
		t.Name += evil
		t.Reason = evil
	}
	for _, v := range rec.Vertices {
		v.Name += evil
	}
	for _, s := range rec.Steps {
		s.Name, s.Label, s.Vertex = evil, evil, rec.Vertices[0].ID
	}
	return rec
}

func TestTimelineEscapes(t *testing.T) {
	var b bytes.Buffer
	if err := hostileRecord().Timeline(&b); err != nil {
		t.Fatal(err)
	}
	if regexp.MustCompile(`<(script|img)`).Match(b.Bytes()) {
		t.Error("a text became an element")
	}
	if regexp.MustCompile(`(?i)(src|href)="?http`).Match(b.Bytes()) {
		t.Error("the page loads something")
	}
}

// bigRecord is a run of n targets on a shared stage.
func bigRecord(n int) *Record {
	start := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	rec := &Record{Version: Version, State: "failed", Started: start, Seconds: float64(n) + 10, Totals: Totals{Critical: []string{"v0"}}}
	for i := range n {
		name, id := fmt.Sprintf("svc-%d", i), fmt.Sprintf("v%d", i)
		at := start.Add(time.Duration(i) * time.Second)
		rt := &Target{Name: name, State: runner.Done, Exporting: 1, Attempts: []Attempt{{Started: at, Seconds: 5}}}
		if i%20 == 0 {
			rt.State = runner.Failed
			rt.Attempts[0].Error = "exit code: 1"
		}
		rec.Targets = append(rec.Targets, rt)
		rec.Vertices = append(rec.Vertices, &Vertex{ID: id, Name: "stage-" + name, Started: at, Seconds: 4, Targets: []string{name}})
		rec.Steps = append(rec.Steps, &Step{Name: "RUN x", Label: "s 1/1", Vertex: id, Started: at, Seconds: 4})
	}
	return rec
}

// TestTimelineInBrowser opens the page in a Chromium and looks at what is to be
// seen: a row for each target and each stage, bars inside of their lanes.
func TestTimelineInBrowser(t *testing.T) {
	browser := need.Browser(t)
	var b bytes.Buffer
	if err := bigRecord(200).Timeline(&b); err != nil {
		t.Fatal(err)
	}
	// The page forbids scripts; the one that looks at it is let in.
	text := strings.Replace(b.String(), "default-src 'none';", "default-src 'none'; script-src 'unsafe-inline';", 1)
	text = strings.Replace(text, "</body>", `<textarea id="report"></textarea><script>
const r = {targets: document.querySelectorAll(".row.target").length, stages: document.querySelectorAll(".row.stage").length,
  bad: document.querySelectorAll(".target .bad").length, critical: document.querySelectorAll(".stage.critical .crit").length,
  outside: 0, background: getComputedStyle(document.body).backgroundColor,
  dark: [...document.styleSheets[0].cssRules].some((c) => c.media && c.media.mediaText.includes("dark")),
  wide: document.documentElement.scrollWidth > innerWidth};
for (const lane of document.querySelectorAll(".row:not(.axis) .lane")) {
  const l = lane.getBoundingClientRect();
  for (const bar of lane.children) {
    const b = bar.getBoundingClientRect();
    if (b.left < l.left - 1 || b.right > l.right + 3 || b.width < 1) r.outside++;
  }
}
document.getElementById("report").textContent = JSON.stringify(r);
</script></body>`, 1)
	dir := t.TempDir()
	file := filepath.Join(dir, "run.html")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
		"--window-size=1400,900", "--user-data-dir="+filepath.Join(dir, "profile"), "--dump-dom", "file://"+file)
	cmd.Env = append(os.Environ(), "HOME="+dir)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("running the browser: %v", err)
	}
	found := regexp.MustCompile(`(?s)<textarea id="report">(.*?)</textarea>`).FindSubmatch(out)
	if found == nil {
		t.Fatal("the page did not come to its end")
	}
	var got struct {
		Targets, Stages, Bad, Critical, Outside int
		Background                              string
		Dark, Wide                              bool
	}
	if err := json.Unmarshal([]byte(html.UnescapeString(string(found[1]))), &got); err != nil {
		t.Fatal(err)
	}
	if got.Targets != 200 || got.Stages != 200 || got.Bad != 10 || got.Critical != 1 || got.Outside != 0 || !got.Dark || got.Wide || got.Background == "rgba(0, 0, 0, 0)" {
		t.Errorf("%+v", got)
	}
}

// The page says where and why a target failed, with what the step printed, once
// for all targets that came to it.
func TestTimelineFailures(t *testing.T) {
	failure := &Failure{
		Stage: "compile", Platform: "linux/arm64", File: "Dockerfile", Line: 7, Step: "[compile 2/2] RUN make",
		Log: []string{"cc main.c", "main.c:3: error: expected ';' <here>"}, Error: "exit code: 2",
	}
	rec := &Record{Targets: []*Target{
		{Name: "a", State: runner.Failed, Reason: "the step ended with exit code 2", Failure: failure},
		{Name: "b", State: runner.Failed, Reason: "the step ended with exit code 2", Failure: failure},
		{Name: "c", State: runner.Done},
	}}
	var b strings.Builder
	if err := rec.Timeline(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"<h3>a, b in stage compile for linux/arm64, at Dockerfile:7</h3>", "[compile 2/2] RUN make",
		"main.c:3: error: expected &#39;;&#39; &lt;here&gt;", "the step ended with exit code 2. exit code: 2",
	} {
		if n := strings.Count(b.String(), want); n != 1 {
			t.Errorf("%q is there %d times", want, n)
		}
	}
}

// The page of a run with every kind of row, bar and failure is what it was.
func TestTimelinePage(t *testing.T) {
	rec := sampleRecord()
	start := rec.Started
	rec.Project, rec.Totals.Critical = "/p <&> \x1b[31mred", []string{"sha256:app"}
	rec.Totals.BytesSent, rec.Totals.CacheRead = 1234567, 89
	rec.Targets = append(rec.Targets,
		&Target{Name: "earlier", State: runner.Done, From: "run-1"},
		&Target{Name: "large", State: runner.Done, ImageSize: 5_000_000, Exporting: 0.5, Attempts: []Attempt{{Started: start.Add(time.Second), Seconds: 1.5}}},
		&Target{Name: "again", State: runner.Failed, Reason: "a server is out of order (5xx)",
			Failure: &Failure{Error: "503", Step: "[again 1/1] RUN x", Log: []string{"one", "two"}, File: "Dockerfile", Line: 3, Platform: "linux/arm64"}},
	)
	rec.Steps = []*Step{
		{Name: "RUN x", Label: "app 1/3", Vertex: "sha256:app", Started: start, Seconds: 2},
		{Name: "COPY y", Label: "app 2/3", Vertex: "sha256:app", Started: start.Add(2 * time.Second), Seconds: 0.5, Failed: true},
		{Name: "RUN z", Label: "base 1/1", Vertex: "sha256:base", Started: start, Cached: true},
		{Name: "internal", Started: start, Seconds: 1},
	}
	var b bytes.Buffer
	if err := rec.Timeline(&b); err != nil {
		t.Fatal(err)
	}
	golden.Check(t, *update, filepath.Join("testdata", "timeline.html"), b.String())
}

var update = flag.Bool("update", false, "rewrite the golden file")
