package buildkit

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/dockerfile"
	"github.com/orch-build/orch/runner"
)

// twoTargets is a plan of two targets that share a base.
func twoTargets() *planner.Plan {
	both := []string{"client", "server"}
	return &planner.Plan{
		Graph: &planner.Graph{Vertices: []*planner.Vertex{
			{ID: "1", Kind: planner.Stage, Name: "base", Targets: both},
			{ID: "2", Kind: planner.Stage, Name: "app", Targets: both[:1]},
		}},
		Builds: []*planner.Build{
			{Target: &config.Target{Name: "client"}}, {Target: &config.Target{Name: "server"}},
		},
	}
}

// play shows two steps whose outputs arrive in turns.
func play(t *testing.T, groups Groups) string {
	var out bytes.Buffer
	p, err := NewProgress(ProgressOptions{Mode: "plain", Out: &out, Groups: groups})
	if err != nil {
		t.Fatal(err)
	}
	plan := twoTargets()
	p.setPlan(plan, &reductions{}, nil)
	base, app := digest.FromString("base"), digest.FromString("app")
	p.owner = map[digest.Digest]*owned{
		base: {target: "client", stages: plan.Graph.Vertices[:1]}, app: {target: "client", stages: plan.Graph.Vertices[1:]},
	}
	start := time.Now()
	end := start.Add(1200 * time.Millisecond)
	vertex := func(id digest.Digest, name string, done *time.Time) *client.SolveStatus {
		return &client.SolveStatus{Vertexes: []*client.Vertex{{Digest: id, Name: name, Started: &start, Completed: done}}}
	}
	log := func(id digest.Digest, text string) *client.SolveStatus {
		return &client.SolveStatus{Logs: []*client.VertexLog{{Vertex: id, Data: []byte(text)}}}
	}
	ch, done := p.anchor()
	for _, s := range []*client.SolveStatus{
		vertex(base, "[base 1/2] RUN make", nil), vertex(app, "[app 1/1] RUN app", nil),
		log(app, "app one\n"), log(base, "base one\nbase "), log(app, "app two\n"), log(base, "two\n"),
		vertex(app, "[app 1/1] RUN app", &end), vertex(base, "[base 1/2] RUN make", &end),
	} {
		ch <- s
	}
	close(ch)
	<-done
	r := &runner.Report{Targets: []*runner.TargetReport{
		{Build: plan.Builds[0], State: runner.Done, Took: time.Second}, {Build: plan.Builds[1], State: runner.Running},
	}}
	p.Changed(r, r.Targets[0])
	p.Close()
	return regexp.MustCompile(`section_(start|end):\d+`).ReplaceAllString(out.String(), "section_$1:T")
}

func TestPlainGroups(t *testing.T) {
	tests := map[Groups]string{
		NoGroups: "#1 [client+server: base 1/2] RUN make\n#1 base one\n#1 base two\n#1 DONE 1.2s\n" +
			"#2 [client: app 1/1] RUN app\n#2 app one\n#2 app two\n#2 DONE 1.2s\n" +
			"client done in 1.0s (1 done, 1 running, 0 waiting)\n",
		GitHub: "::group::#1 [client+server: base 1/2] RUN make\n#1 base one\n#1 base two\n#1 DONE 1.2s\n::endgroup::\n" +
			"::group::#2 [client: app 1/1] RUN app\n#2 app one\n#2 app two\n#2 DONE 1.2s\n::endgroup::\n" +
			"client done in 1.0s (1 done, 1 running, 0 waiting)\n",
		GitLab: "\x1b[0Ksection_start:T:orch_1[collapsed=true]\r\x1b[0K#1 [client+server: base 1/2] RUN make\n#1 base one\n#1 base two\n#1 DONE 1.2s\n\x1b[0Ksection_end:T:orch_1\r\x1b[0K\n" +
			"\x1b[0Ksection_start:T:orch_2[collapsed=true]\r\x1b[0K#2 [client: app 1/1] RUN app\n#2 app one\n#2 app two\n#2 DONE 1.2s\n\x1b[0Ksection_end:T:orch_2\r\x1b[0K\n" +
			"client done in 1.0s (1 done, 1 running, 0 waiting)\n",
	}
	for groups, want := range tests {
		if got := play(t, groups); got != want {
			t.Errorf("groups %d:\n got %q\nwant %q", groups, got, want)
		}
	}
}

// The end of a target may be known before those of its steps are told.
func TestPlainEndOfTarget(t *testing.T) {
	var out bytes.Buffer
	p, err := NewProgress(ProgressOptions{Mode: "plain", Out: &out})
	if err != nil {
		t.Fatal(err)
	}
	plan := twoTargets()
	p.setPlan(plan, &reductions{}, nil)
	client1, server := digest.FromString("client"), digest.FromString("server")
	p.owner = map[digest.Digest]*owned{client1: {target: "client"}, server: {target: "server"}}
	p.roots = map[string][]digest.Digest{"client": {client1}, "server": {server}}
	r := &runner.Report{Targets: []*runner.TargetReport{
		{Build: plan.Builds[0], State: runner.Done, Took: time.Second}, {Build: plan.Builds[1], State: runner.Done, Took: time.Second},
	}}
	p.Changed(r, r.Targets[0])
	p.Changed(r, r.Targets[1])
	now := time.Now()
	ch, done := p.anchor()
	for id, name := range map[digest.Digest]string{client1: "[c 1/1] RUN c", server: "[s 1/1] RUN s"} {
		ch <- &client.SolveStatus{Vertexes: []*client.Vertex{{Digest: id, Name: name, Started: &now, Completed: &now, Cached: true}}}
	}
	close(ch)
	<-done
	p.Close()
	for _, target := range []string{"client", "server"} {
		want := regexp.MustCompile(`(?s)\[` + target + `: . 1/1\].*CACHED\n.*` + target + ` done in 1.0s`)
		if !want.MatchString(out.String()) {
			t.Errorf("%s is done before its step:\n%s", target, out.String())
		}
	}
}

// Many targets that are tried again for one reason are not all named.
func TestPlainAgain(t *testing.T) {
	var out bytes.Buffer
	p, err := NewProgress(ProgressOptions{Mode: "plain", Out: &out})
	if err != nil {
		t.Fatal(err)
	}
	r := &runner.Report{}
	plan := &planner.Plan{}
	for i := range 8 {
		b := &planner.Build{Target: &config.Target{Name: fmt.Sprint("t", i)}}
		plan.Builds = append(plan.Builds, b)
		r.Targets = append(r.Targets, &runner.TargetReport{
			Build: b, State: runner.Waiting, Attempts: []runner.Attempt{{Err: &runner.Failure{Reason: "the builder is gone"}}},
		})
	}
	p.setPlan(plan, &reductions{}, nil)
	for _, tr := range r.Targets {
		p.Changed(r, tr)
	}
	p.Close()
	want := ""
	for i := range 5 {
		want += fmt.Sprintf("t%d is tried again: the builder is gone\n", i)
	}
	if want += "More targets are tried again: the builder is gone\n"; out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

// What a step prints cannot move the cursor of the terminal's display.
func TestPrintable(t *testing.T) {
	tests := map[string]string{
		"plain":                     "plain",
		"10%\r20%\r30%":             "30%",
		"\x1b[31mred\x1b[0m\x1b[2J": "red",
		"tab\tbell\a":               "tab bell",
		"\x1b]0;title\x07text":      "text",
	}
	for in, want := range tests {
		if got := printable(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestNewProgressErrors(t *testing.T) {
	for _, mode := range []string{"tty", "loud"} {
		if _, err := NewProgress(ProgressOptions{Mode: mode, Out: &bytes.Buffer{}}); err == nil {
			t.Errorf("the mode %q was accepted", mode)
		}
	}
}

// A warning about a part of a Dockerfile names the line in the whole file, and
// is shown once for all targets that have it.
func TestWarningLines(t *testing.T) {
	var out bytes.Buffer
	p, err := NewProgress(ProgressOptions{Mode: "plain", Out: &out})
	if err != nil {
		t.Fatal(err)
	}
	parts := &reductions{byData: map[string]reduction{}}
	file := &planner.Dockerfile{Name: "app/Dockerfile", Data: []byte("FROM a\nFROM b\nFROM $C\n")}
	for _, tt := range []struct {
		data  string
		lines []int
	}{{"FROM $C\n", []int{3}}, {"FROM b\nFROM $C\n", []int{2, 3}}} {
		parts.byData[tt.data] = reduction{file: file, lines: &dockerfile.Reduced{Data: []byte(tt.data), Lines: tt.lines}}
	}
	p.setPlan(twoTargets(), parts, nil)
	ch, done := p.anchor()
	for data, line := range map[string]int32{"FROM $C\n": 1, "FROM b\nFROM $C\n": 2} {
		ch <- &client.SolveStatus{Warnings: []*client.VertexWarning{{
			Short:      fmt.Appendf(nil, "Bad: C is empty (line %d)", line),
			SourceInfo: &pb.SourceInfo{Filename: "Dockerfile", Data: []byte(data)},
			Range:      []*pb.Range{{Start: &pb.Position{Line: line}, End: &pb.Position{Line: line}}},
		}}}
	}
	close(ch)
	<-done
	p.Close()
	if want := "Warning: Bad: C is empty (app/Dockerfile:3)\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

// The platform of a step is said where it tells one step from another, and not
// where the step is for several.
func TestStepPlatform(t *testing.T) {
	amd := &planner.Vertex{Platform: "linux/amd64", Targets: []string{"client", "server"}}
	arm := &planner.Vertex{Platform: "linux/arm64", Targets: []string{"client"}}
	plan := twoTargets()
	plan.Builds[0].Platforms = []string{"linux/amd64", "linux/arm64"}
	tests := []struct {
		builds   []*planner.Build
		name     string
		vertices []*planner.Vertex
		want     string
	}{
		{plan.Builds, "[base 2/4] RUN x", []*planner.Vertex{arm}, "[client: linux/arm64 base 2/4] RUN x"},
		{plan.Builds, "[linux/arm64 base 2/4] COPY x", []*planner.Vertex{amd, arm}, "[client+server: base 2/4] COPY x"},
		{plan.Builds, "[linux/amd64->arm64 base 2/4] RUN x", []*planner.Vertex{amd}, "[client+server: linux/amd64->arm64 base 2/4] RUN x"},
		{plan.Builds[:1], "[2/4] RUN x", []*planner.Vertex{arm}, "[linux/arm64 2/4] RUN x"},
		{plan.Builds[1:], "[2/4] RUN x", []*planner.Vertex{amd}, "[2/4] RUN x"},
	}
	for _, tt := range tests {
		p := &Progress{plan: &planner.Plan{Builds: tt.builds}, owner: map[digest.Digest]*owned{"1": {target: "client", stages: tt.vertices}}}
		s := &step{id: "1", name: tt.name}
		p.place(s)
		if got := p.shownName(s); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// The terminal says at once why a target failed.
func TestWhyFailed(t *testing.T) {
	place := runner.Failure{File: "Dockerfile", Line: 18, Reason: "the step ended with exit code 2", Err: errors.New("exit code: 2")}
	output := place
	output.Log = []string{"cc x.c", "x.c:42: error"}
	for want, err := range map[string]error{
		"  Dockerfile:18  x.c:42: error":                   &output,
		"  Dockerfile:18  the step ended with exit code 2": &place,
		"  exit code: 2": &runner.Failure{Err: errors.New("exit code: 2")},
		"":               errors.New("something"),
	} {
		if got := whyFailed(err); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
