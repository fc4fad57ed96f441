package buildkit

import (
	"bytes"
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
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
	p.setPlan(plan)
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
	p.setPlan(plan)
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
	p.setPlan(plan)
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
