package blame

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
)

// memory is a tree of files without a disk.
type memory struct{ fstest.MapFS }

func (m memory) name(path string) string {
	if path = strings.Trim(strings.TrimPrefix(path, "/x"), "/"); path == "" {
		return "."
	}
	return path
}
func (m memory) ReadFile(path string) ([]byte, error)       { return m.MapFS.ReadFile(m.name(path)) }
func (m memory) Stat(path string) (fs.FileInfo, error)      { return m.MapFS.Stat(m.name(path)) }
func (m memory) ReadDir(path string) ([]fs.DirEntry, error) { return m.MapFS.ReadDir(m.name(path)) }

// buildOf plans a target with a Dockerfile that ends in the stage "app".
func buildOf(t *testing.T, dockerfile string) *planner.Build {
	t.Helper()
	target := &config.Target{
		Name: "app", Stage: "app", Dockerfile: "Dockerfile", Context: config.Context{Value: "/x"},
		Contexts: map[string]config.Context{"res": {Value: "/x/res"}, "img": {Kind: config.Image, Value: "r.example/img:1"}},
	}
	cfg := &config.Config{Targets: []*config.Target{target}, Chosen: []string{"app"}}
	files := memory{fstest.MapFS{
		"Dockerfile": {Data: []byte(dockerfile)}, "a": {Data: []byte("a")}, "res/b": {Data: []byte("b")},
	}}
	plan, diags := planner.New(cfg, planner.Options{Files: files, BuildPlatform: "linux/amd64"})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return plan.Builds[0]
}

const missing = `failed to compute cache key: failed to calculate checksum of ref x::y: "%s": not found`

// A missing file is said to be missing from where it was to come from; only a
// folder of the client has an ignore file.
func TestMissing(t *testing.T) {
	tests := map[string]struct {
		step string
		path string
		want string
	}{
		"a stage":         {"COPY --from=base /out/app /", "/out/app", `"/out/app" is not there in stage base`},
		"by its number":   {"COPY --from=0 /out/app /", "/out/app", `"/out/app" is not there in stage base`},
		"an image":        {"COPY --from=r.example/x:1 /f /", "/f", `"/f" is not there in the image r.example/x:1`},
		"a named image":   {"COPY --from=img /f /", "/f", `"/f" is not there in the image r.example/img:1`},
		"a mount":         {"RUN --mount=from=base,source=/f,target=/t --mount=from=img,target=/u true", "/f", `"/f" is not there in stage base`},
		"one of many":     {"COPY --from=base /f /g* /to/", "/g1", `"/g1" is not there in stage base`},
		"over two lines":  {"COPY --from=base \\\n  /f \\\n  /g /to/", "/g", `"/g" is not there in stage base`},
		"the context":     {"COPY a /", "/a", `"/a" is not there in the context /x, or an ignore file leaves it out`},
		"a named context": {"COPY --from=res b /", "/b", `"/b" is not there in the context /x/res, or an ignore file leaves it out`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := buildOf(t, "FROM scratch AS base\nFROM scratch AS app\n"+tt.step+"\n")
			f := &runner.Failure{Line: 3, Err: fmt.Errorf(missing, tt.path)}
			Missing(f, b.Stages[0], b)
			if got := Plain(f.Err.Error()); got != tt.want {
				t.Errorf("%s", got)
			}
		})
	}
}

// A stage of a linked target is said to be that target's, as the Dockerfile that takes
// from it may have one of the same name.
func TestMissingLinked(t *testing.T) {
	lib, other := "FROM scratch AS prod\nCOPY a /\n", "FROM scratch AS prod\nADD a /\n"
	for name, tt := range map[string]struct{ own, step, want string }{
		"the target's":       {other, "COPY --from=base /f /", "stage prod of target lib"},
		"the same":           {lib, "COPY --from=base /f /", "stage prod of target lib"},
		"a mount":            {other, "RUN --mount=from=base,source=/f,target=/t true", "stage prod of target lib"},
		"over two lines":     {other, "COPY --from=base \\\n /f /", "stage prod of target lib"},
		"its own":            {other, "COPY --from=prod /f /", "stage prod"},
		"its own, the same":  {lib, "COPY --from=prod /f /", "stage prod"},
		"its own, by number": {lib, "COPY --from=0 /f /", "stage prod"},
		"its own, on it":     {"FROM base AS prod\nCOPY a /b\n", "COPY --from=prod /f /", "stage prod"},
		"in its place":       {"FROM scratch AS base\nRUN true\n", "COPY --from=0 /f /", "stage prod of target lib"},
	} {
		t.Run(name, func(t *testing.T) {
			target := func(name, text string) *config.Target {
				return &config.Target{Name: name, DockerfileInline: &text, Context: config.Context{Value: "/x"}}
			}
			app := target("app", tt.own+"FROM scratch\n"+tt.step+"\n")
			app.Contexts = map[string]config.Context{"base": {Kind: config.LinkedTarget, Value: "lib", Raw: "target:lib"}}
			cfg := &config.Config{Targets: []*config.Target{app, target("lib", lib)}, Chosen: []string{"app"}}
			plan, diags := planner.New(cfg, planner.Options{Files: memory{fstest.MapFS{"a": {}}}, BuildPlatform: "linux/amd64"})
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			b := plan.Builds[slices.IndexFunc(plan.Builds, func(b *planner.Build) bool { return b.Name() == "app" })]
			f := &runner.Failure{Line: 4, Err: fmt.Errorf(missing, "/f")}
			Missing(f, b.Stages[0], b)
			if got := f.Err.Error(); got != `"/f" is not there in `+tt.want {
				t.Errorf("%s", got)
			}
		})
	}
}

// TestMissingFetched takes builds of which the plan knows no stages: an ignore file may
// have a part in it only if a folder of the client has.
func TestMissingFetched(t *testing.T) {
	git := config.Context{Kind: config.Git, Value: "https://example.com/x.git"}
	for name, tt := range map[string]struct {
		contexts map[string]config.Context
		want     string
	}{
		"no folder": {map[string]config.Context{"o": git}, `"/f" is not there`},
		"a folder":  {map[string]config.Context{"o": {Value: "/x/res"}}, `"/f" is not there, or an ignore file leaves it out`},
	} {
		t.Run(name, func(t *testing.T) {
			app := &config.Target{Name: "app", Dockerfile: "Dockerfile", Context: git, Contexts: tt.contexts}
			cfg := &config.Config{Targets: []*config.Target{app}, Chosen: []string{"app"}}
			plan, diags := planner.New(cfg, planner.Options{Files: memory{fstest.MapFS{"res/b": {}}}, BuildPlatform: "linux/amd64"})
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			b := plan.Builds[0]
			for _, v := range []*planner.Vertex{nil, b.Stages[0]} {
				f := &runner.Failure{Line: 4, Err: fmt.Errorf(missing, "/f")}
				Missing(f, v, b)
				if got := Plain(f.Err.Error()); got != tt.want {
					t.Errorf("%s", got)
				}
			}
		})
	}
}

// TestMissingLate takes what is said of a file that is only looked for when the step
// runs: the step starts from what the file is taken from.
func TestMissingLate(t *testing.T) {
	const (
		lstat = "lstat %s: no such file or directory"
		open  = "process \"/bin/sh -c true\" did not complete successfully: open %s: no such file or directory"
	)
	tests := map[string]struct {
		step, text, path string
		want             string // "" if the text stays
	}{
		"a stage":          {"COPY --from=base /f /", lstat, "/f", `"/f" is not there in stage base`},
		"an image":         {"COPY --from=img /f /", lstat, "/f", `"/f" is not there in the image r.example/img:1`},
		"behind a link":    {"COPY --from=img /link /", lstat, "/to", `"/to" is not there in the image r.example/img:1`},
		"below a file":     {"COPY --from=img /f/g /", "lstat %s: not a directory", "/f/g", `"/f/g" is not there in the image r.example/img:1`},
		"below another":    {"COPY --from=img /f /g/h/", "lstat %s: not a directory", "/g/h", ""},
		"a context":        {"COPY --from=res b /", lstat, "/b", `"/b" is not there in the context /x/res, or an ignore file leaves it out`},
		"a mount":          {"RUN --mount=from=img,source=f,target=/t true", open, "/f", `"/f" is not there in the image r.example/img:1`},
		"one of two":       {"RUN --mount=from=base,source=/f,target=/t --mount=from=img,source=/g,target=/u true", open, "/g", `"/g" is not there in the image r.example/img:1`},
		"no mount's":       {"RUN --mount=from=img,source=/f,target=/t true", open, "/var/lib/x", ""},
		"of a RUN":         {"RUN true", open, "/f", ""},
		"of nothing taken": {"WORKDIR /f", lstat, "/f", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := buildOf(t, "FROM scratch AS base\nFROM scratch AS app\n"+tt.step+"\n")
			text := fmt.Sprintf(tt.text, tt.path)
			f := &runner.Failure{Line: 3, Err: errors.New(text)}
			Missing(f, b.Stages[0], b)
			if got := f.Err.Error(); got != cmp.Or(tt.want, text) {
				t.Errorf("%s", got)
			}
		})
	}
}

func TestLocate(t *testing.T) {
	b := buildOf(t, "FROM scratch AS app\nENV A=b\nADD \\\n  https://r.example/x /\nADD https://r.example/y.git /y\n")
	for nth, want := range map[int]string{1: "/x/Dockerfile:3", 2: "/x/Dockerfile:5", 3: ":0"} {
		f := &runner.Failure{}
		Locate(f, b.Stages[0], nth, 2, "")
		if got := fmt.Sprintf("%s:%d", f.File, f.Line); got != want {
			t.Errorf("step %d: %s, want %s", nth, got, want)
		}
		marked := 0
		for _, l := range f.Excerpt {
			if l.Marked {
				marked++
			}
		}
		if nth == 1 && marked != 2 {
			t.Errorf("%d lines of the ADD over two are marked", marked)
		}
	}
	f := &runner.Failure{File: "Dockerfile", Line: 1}
	Locate(f, b.Stages[0], 2, 2, "")
	Locate(&runner.Failure{}, nil, 1, 1, "")
	if f.Line != 1 {
		t.Errorf("what the builder says is replaced: %d", f.Line)
	}
}

// TestLocateContext takes steps of a stage whose FROM names a context, which
// BuildKit counts but gives no number.
func TestLocateContext(t *testing.T) {
	b := buildOf(t, "FROM img AS app\nRUN  --mount=from=img,target=/t a\nRUN b $PATH\nCOPY a /\n")
	for text, want := range map[string]struct{ nth, line int }{
		"RUN --mount=from=img,target=/t a": {1, 2},
		"RUN b /bin":                       {3, 3},
		"COPY a /":                         {3, 4},
	} {
		f := &runner.Failure{}
		if Locate(f, b.Stages[0], want.nth, 4, text); f.Line != want.line {
			t.Errorf("%s: line %d", text, f.Line)
		}
	}
}

// The stage that was meant is offered, though the builder may not have been
// handed it.
func TestSuggest(t *testing.T) {
	b := buildOf(t, "FROM scratch AS tool\nFROM scratch AS app\nCOPY a /\nFROM scratch AS toll\n")
	for text, want := range map[string]string{
		"tools: not found":                     "tools: not found (did you mean tool?)",
		"too: not found (did you mean app?)":   "too: not found (did you mean tool?)",
		"ress: not found":                      "ress: not found (did you mean res?)",
		"alpine: not found":                    "alpine: not found",
		"alpine: not found (did you mean ab?)": "alpine: not found",
		"something":                            "something",
	} {
		f := &runner.Failure{Line: 3, Err: errors.New(text)}
		if Suggest(f, b); f.Err.Error() != want {
			t.Errorf("%s: %s", text, f.Err)
		}
	}
}

// TestFetched takes failures of a target whose Dockerfile is in a context that the
// builder fetches.
func TestFetched(t *testing.T) {
	at := hcl.Range{Filename: "build.hcl", Start: hcl.Pos{Line: 2, Column: 3, Byte: 20}, End: hcl.Pos{Line: 2, Column: 9, Byte: 26}}
	b := &planner.Build{Target: &config.Target{Name: "app", Ranges: map[string]hcl.Range{"context": at}}}
	for text, want := range map[string]struct {
		line   int
		reason string
	}{
		"failed to read dockerfile: open x/D.file: no such file or directory":              {2, "no file x/D.file"},
		"failed to solve: failed to read dockerfile: open a b: no such file or directory":  {2, "no file a b"},
		"fetching http://r/a.git#main: repository does not contain ref main, output: \"\"": {2, ""},
		"exporting: open x: no such file or directory":                                     {0, ""},
	} {
		f := &runner.Failure{Err: errors.New(text)}
		Fetched(f, b)
		if f.Line != want.line || (f.File == "") != (want.line == 0) || !strings.Contains(f.Reason, want.reason) || (f.Reason == "") != (want.reason == "") {
			t.Errorf("%s: at %s:%d, %q", text, f.File, f.Line, f.Reason)
		}
	}
	f := &runner.Failure{Err: errors.New("failed to read dockerfile: open D: no such file or directory")}
	if Fetched(f, buildOf(t, "FROM scratch AS app\n")); f.File != "" {
		t.Errorf("a local Dockerfile: %s", f.File)
	}
}

func TestPlain(t *testing.T) {
	for text, want := range map[string]string{
		"r.example:5000/nope:1: r.example:5000/nope:1: not found": "r.example:5000/nope:1: not found",
		"a: a: a: b":                           "a: b",
		"failed to solve: a: b":                "a: b",
		"failed to load cache key: status 404": "status 404",
		"a: ab: c":                             "a: ab: c",
		fmt.Sprintf(missing, "/f"):             `"/f" is not there, or an ignore file leaves it out`,
		"":                                     "",
	} {
		if got := Plain(text); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func TestProgram(t *testing.T) {
	here, both := []string{"linux/amd64", "linux/386"}, []string{"linux/amd64", "linux/arm64"}
	tests := []struct {
		log      string
		platform string
		can      []string
		says     string
		builder  bool
	}{
		{"exec /hi: exec format error", "linux/arm64", here, "cannot run linux/arm64 programs", true},
		{"exec /bin/sh: exec format error", "linux/arm/v7", here, "cannot run linux/arm/v7 programs", true},
		{"/bin/sh: 1: /hi: Exec format error", "linux/arm64", both, "not one for linux/arm64", false},
		{"exec /hi: exec format error", "linux/386", here, "not one for linux/386", false},
		{"exec /hi: exec format error", "linux/amd64", here, "not one for linux/amd64", false},
		{"exec /hi: exec format error", "", nil, "one for another platform", false},
		{`runc run failed: unable to start container process: exec: "/bin/sh": stat /bin/sh: no such file or directory`, "", here, "the image has no shell", false},
		{`runc run failed: unable to start container process: exec: "make": executable file not found in $PATH`, "", here, "there is no make in the image", false},
		{"make: *** [all] Error 2", "linux/amd64", here, "", false},
		{"exec format error\none\ntwo\nthree", "linux/arm64", here, "", false},
	}
	for _, tt := range tests {
		reason, builder := Program(strings.Split(tt.log, "\n"), tt.platform, tt.can)
		if !strings.Contains(reason, tt.says) || (reason == "") != (tt.says == "") || builder != tt.builder {
			t.Errorf("%q on %q: %q, %t", tt.log, tt.platform, reason, builder)
		}
	}
}

// The advice of a test is not that of a RUN.
func TestCommand(t *testing.T) {
	here, both := []string{"linux/amd64", "linux/386"}, []string{"linux/amd64", "linux/arm64"}
	tests := []struct {
		log      string
		platform string
		can      []string
		says     string
		builder  bool
	}{
		{"exec /hi: exec format error", "linux/arm64", here, "cannot run linux/arm64 programs", true},
		{"/bin/sh: 1: /hi: Exec format error", "linux/arm64", both, "not one for linux/arm64, which the test runs on", false},
		{"exec /hi: exec format error", "linux/amd64", here, "not one for linux/amd64, which the test runs on", false},
		{"exec /hi: exec format error", "", nil, "one for another platform", false},
		{`runc run failed: unable to start container process: exec: "/bin/sh": stat /bin/sh: no such file or directory`, "", here, "there is no /bin/sh in the image", false},
		{"not as expected", "linux/arm64", here, "", false},
	}
	for _, tt := range tests {
		reason, builder := Command(strings.Split(tt.log, "\n"), tt.platform, tt.can)
		if !strings.Contains(reason, tt.says) || (reason == "") != (tt.says == "") || builder != tt.builder || strings.Contains(reason, "RUN") || strings.Contains(reason, "FROM") {
			t.Errorf("%q on %q: %q, %t", tt.log, tt.platform, reason, builder)
		}
	}
}
