package steps

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/mask"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/dockerfile"
	"github.com/orch-build/orch/runner"
)

// twoTargets is a plan of two targets that share a base.
func twoTargets() *planner.Plan {
	both := []string{"client", "server"}
	base := &planner.Vertex{ID: "1", Kind: planner.Stage, Name: "base", Targets: both}
	app := &planner.Vertex{ID: "2", Kind: planner.Stage, Name: "app", Targets: both[:1], Inputs: []planner.Edge{{From: base}}}
	return &planner.Plan{
		Graph: &planner.Graph{Vertices: []*planner.Vertex{base, app}},
		Builds: []*planner.Build{
			{Target: &config.Target{Name: "client"}, Stages: []*planner.Vertex{app}},
			{Target: &config.Target{Name: "server"}, Stages: []*planner.Vertex{base}},
		},
	}
}

// definition has a vertex for each name, each made from the one before it, and
// returns their IDs too.
func definition(t *testing.T, names ...string) (*pb.Definition, []digest.Digest) {
	t.Helper()
	def := &pb.Definition{Metadata: map[string]*pb.OpMetadata{}}
	var ids []digest.Digest
	add := func(op *pb.Op, name string) {
		if n := len(ids); n > 0 {
			op.Inputs = []*pb.Input{{Digest: string(ids[n-1])}}
		}
		data, err := op.MarshalVT()
		if err != nil {
			t.Fatal(err)
		}
		def.Def = append(def.Def, data)
		id := digest.FromBytes(data)
		if name != "" {
			ids = append(ids, id)
			def.Metadata[string(id)] = &pb.OpMetadata{Description: map[string]string{customName: name}}
		}
	}
	for _, name := range names {
		op := &pb.Op{Op: &pb.Op_Exec{Exec: &pb.ExecOp{Meta: &pb.Meta{Args: []string{name}}}}}
		if source, ok := strings.CutPrefix(name, "[base 1/2] FROM "); ok {
			op = &pb.Op{Op: &pb.Op_Source{Source: &pb.SourceOp{Identifier: "docker-image://" + source}}}
		}
		add(op, name)
	}
	add(&pb.Op{}, "")
	return def, ids
}

// events writes down what a tracker sends, but for the builder's own messages.
type events struct{ lines []string }

func (e *events) send(event runner.Event) {
	switch event := event.(type) {
	case runner.StepStarted:
		e.add("started", event.Title)
	case runner.StepChanged:
		e.add("changed", event.Title, event.Transfer.Sent)
	case runner.StepFinished:
		e.add("finished", event.Title, event.Took, event.Cached, event.Error)
	case runner.StepOutput:
		e.add("output", strings.TrimSuffix(string(event.Data), "\n"))
	case runner.TargetSteps:
		e.add("ends", event.Target, len(event.Steps))
	case runner.Activity:
		e.add("activity", event.Vertex.Name, event.Kind, event.Run)
	case runner.Warning:
		e.add("warning", event.Text, event.File, event.Line)
	}
}

func (e *events) add(words ...any) { e.lines = append(e.lines, fmt.Sprintln(words...)) }

func (e *events) want(t *testing.T, want string) {
	t.Helper()
	if got := strings.Join(e.lines, ""); got != strings.TrimLeft(want, "\n") {
		t.Errorf("events:\n%s\nwant:%s", got, want)
	}
}

var began = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// vertex is a status of one vertex; took is negative while it runs.
func vertex(id digest.Digest, name string, took time.Duration) *client.Vertex {
	v := &client.Vertex{Digest: id, Name: name, Started: &began}
	if took >= 0 {
		end := began.Add(took)
		v.Completed = &end
	}
	return v
}

// TestTracker follows a run with a shared stage: its events name the targets,
// and output comes before the end of its step.
func TestTracker(t *testing.T) {
	dir := t.TempDir()
	var m mask.Mask
	m.Add("s3cret-value")
	tracker := New(Options{LogDir: dir, Mask: &m})
	var got events
	plan := twoTargets()
	tracker.Begin(Session{Plan: plan, Send: got.send})
	def, ids := definition(t, "[base 1/2] FROM x", "[base 2/2] RUN make", "[app 1/1] RUN app")
	tracker.Own(plan.Builds[0], 0, def, false)
	in, done := tracker.Anchor()
	for _, s := range []*client.SolveStatus{
		{Vertexes: []*client.Vertex{vertex(ids[0], "[base 1/2] FROM x", 0)}},
		{Vertexes: []*client.Vertex{vertex(ids[1], "[base 2/2] RUN make", -1)}},
		{
			Vertexes: []*client.Vertex{vertex(ids[1], "[base 2/2] RUN make", time.Second)},
			Logs:     []*client.VertexLog{{Vertex: ids[1], Data: []byte("one s3cret-value\n")}, {Vertex: ids[1], Data: []byte("s3cret-val")}},
		},
		{Vertexes: []*client.Vertex{vertex(ids[2], "[app 1/1] RUN app", 2*time.Second)}},
	} {
		in <- s
	}
	close(in)
	<-done
	tracker.End()
	got.want(t, `
ends client 1
started [client+server: base 1/2] FROM x
finished [client+server: base 1/2] FROM x 0s false 
activity base 0 true
started [client+server: base 2/2] RUN make
activity base 1 true
activity base 2 false
output one ***
output s3cret-val
finished [client+server: base 2/2] RUN make 1s false 
activity app 2 false
started [client: app 1/1] RUN app
finished [client: app 1/1] RUN app 2s false 
`)
	counted := map[digest.Digest]bool{ids[0]: true, ids[1]: true, ids[2]: true}
	if n := tracker.Count(counted); n != (runner.Steps{Run: 2, Cached: 1}) {
		t.Errorf("steps: %+v", n)
	}
	data, err := os.ReadFile(filepath.Join(dir, "002-base_2_2_run_make.log"))
	if names, _ := filepath.Glob(filepath.Join(dir, "*")); err != nil && len(names) == 1 {
		data, err = os.ReadFile(names[0])
	}
	if err != nil || string(data) != "one ***\ns3cret-val" {
		t.Errorf("the log has %q, error %v", data, err)
	}
}

// TestUnreadCache follows a step that is in a cache which then cannot be read, so that it
// is run: it was not cached, and what it prints is shown.
func TestUnreadCache(t *testing.T) {
	tracker := New(Options{})
	var got events
	var unread []string
	plan := twoTargets()
	tracker.Begin(Session{Plan: plan, Send: got.send, Unread: func(why string) { unread = append(unread, why) }})
	def, ids := definition(t, "[base 1/1] RUN make")
	tracker.Own(plan.Builds[0], 0, def, false)
	at := func(ms int) *time.Time { out := time.Unix(100, int64(ms)*1e6); return &out }
	in, done := tracker.Anchor()
	for _, v := range []client.Vertex{
		{Started: at(0), Completed: at(0), Cached: true},
		{Started: at(10), Cached: true},
		{Started: at(10), Completed: at(20), Cached: true, Error: "sha256:1 is gone"},
		{Started: at(30), Error: "sha256:1 is gone"}, // the builder leaves the error there
		{Started: at(30), Completed: at(50)},
	} {
		v.Digest, v.Name = ids[0], "[base 1/1] RUN make"
		s := &client.SolveStatus{Vertexes: []*client.Vertex{&v}}
		if v.Completed != nil && !v.Cached {
			s.Logs = []*client.VertexLog{{Vertex: ids[0], Data: []byte("made\n")}}
		}
		in <- s
	}
	close(in)
	<-done
	tracker.End()
	if n := tracker.Count(map[digest.Digest]bool{ids[0]: true}); n != (runner.Steps{Run: 1}) {
		t.Errorf("steps: %+v", n)
	}
	if len(unread) != 1 || unread[0] != "sha256:1 is gone" {
		t.Errorf("unread: %q", unread)
	}
	got.want(t, `
ends client 1
activity base 2 false
started [client+server: base 1/1] RUN make
finished [client+server: base 1/1] RUN make 0s true 
changed [client+server: base 1/1] RUN make 0
finished [client+server: base 1/1] RUN make 10ms true sha256:1 is gone
activity base 0 true
started [client+server: base 1/1] RUN make
activity base 1 true
activity base 2 false
output made
finished [client+server: base 1/1] RUN make 30ms false 
`)
}

// TestExport reports of the export of a target only what the anchor has not
// reported, as the target's.
func TestExport(t *testing.T) {
	tracker := New(Options{})
	var got events
	tracker.Begin(Session{Plan: twoTargets(), Send: got.send})
	in, done := tracker.Export("client")
	in <- &client.SolveStatus{Vertexes: []*client.Vertex{vertex("sha256:1", "[app 1/1] RUN app", 0), vertex("sha256:2", "exporting to image", -1)}}
	in <- &client.SolveStatus{
		Statuses: []*client.VertexStatus{{ID: "transferring /:", Vertex: "sha256:2", Current: 5}, {ID: "x", Vertex: "sha256:1"}},
		Logs:     []*client.VertexLog{{Vertex: "sha256:1", Data: []byte("hidden\n")}},
		Warnings: []*client.VertexWarning{{Short: []byte("hidden")}},
	}
	in <- &client.SolveStatus{Vertexes: []*client.Vertex{vertex("sha256:2", "exporting to image", time.Second)}}
	close(in)
	<-done
	got.want(t, `
started [client] exporting to image
changed [client] exporting to image 5
finished [client] exporting to image 1s false 
`)
}

// TestLateOwner sends at the end of a session what has become known of a step:
// another target turned out to have it.
func TestLateOwner(t *testing.T) {
	tracker := New(Options{})
	plan := twoTargets()
	app2 := &planner.Vertex{ID: "3", Kind: planner.Stage, Name: "app", Targets: []string{"server"}}
	plan.Builds[1].Stages = []*planner.Vertex{app2}
	var last *runner.Step
	tracker.Begin(Session{Plan: plan, Send: func(e runner.Event) {
		if changed, ok := e.(runner.StepChanged); ok {
			last = changed.Step
		}
	}})
	def, ids := definition(t, "[app 1/1] RUN app")
	tracker.Own(plan.Builds[0], 0, def, false)
	in, done := tracker.Anchor()
	in <- &client.SolveStatus{Vertexes: []*client.Vertex{vertex(ids[0], "[app 1/1] RUN app", 0)}}
	close(in)
	<-done
	tracker.Own(plan.Builds[1], 0, def, false)
	tracker.End()
	if last == nil || len(last.Vertices) != 2 {
		t.Errorf("the step is %+v", last)
	}
}

// TestSharedName has a step that two stages have, at different places, and that the
// builder names as the second target does: what is recorded is the place in the stage
// that is recorded.
func TestSharedName(t *testing.T) {
	tracker := New(Options{})
	plan := twoTargets()
	other := &planner.Vertex{ID: "3", Kind: planner.Stage, Name: "other", Targets: []string{"server"}}
	plan.Builds[1].Stages = []*planner.Vertex{other}
	var last *runner.Step
	tracker.Begin(Session{Plan: plan, Send: func(e runner.Event) {
		switch e := e.(type) {
		case runner.StepStarted:
			last = e.Step
		case runner.StepChanged:
			last = e.Step
		}
	}})
	first, ids := definition(t, "[app 1/3] RUN app")
	tracker.Own(plan.Builds[0], 0, first, false)
	second, same := definition(t, "[app 1/3] RUN app")
	for _, m := range second.Metadata {
		if m.Description[customName] != "" {
			m.Description[customName] = "[other 1/5] RUN app"
		}
	}
	if same[0] != ids[0] {
		t.Fatal("the steps are not the same")
	}
	tracker.Own(plan.Builds[1], 0, second, false)
	in, done := tracker.Anchor()
	in <- &client.SolveStatus{Vertexes: []*client.Vertex{vertex(ids[0], "[other 1/5] RUN app", 0)}}
	close(in)
	<-done
	tracker.End()
	if last == nil || len(last.Vertices) != 2 || last.Vertices[0].Name != "app" || last.Label != "app 1/3" {
		t.Errorf("the step is %+v", last)
	}
}

// TestOver waits for the end of a step, and does not wait for ever.
func TestOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tracker := New(Options{})
		in, done := tracker.Anchor()
		in <- &client.SolveStatus{Vertexes: []*client.Vertex{vertex("sha256:1", "[1/1] RUN x", -1)}}
		go func() {
			time.Sleep(maxDelay / 2)
			failed := vertex("sha256:1", "[1/1] RUN x", time.Second)
			failed.Error = "exit code: 1"
			in <- &client.SolveStatus{Vertexes: []*client.Vertex{failed}, Logs: []*client.VertexLog{{Vertex: "sha256:1", Data: []byte("10%\r20%\nthe cause\n")}}}
			close(in)
		}()
		start := time.Now()
		s, log := tracker.Over("sha256:1")
		if took := time.Since(start); took != maxDelay/2 || s.Error != "exit code: 1" || strings.Join(log, "|") != "20%|the cause" {
			t.Errorf("after %s: %+v, log %q", took, s, log)
		}
		<-done
		start = time.Now()
		if s, _ := tracker.Over("sha256:2"); s.Name != "" || time.Since(start) != maxDelay {
			t.Errorf("after %s: %+v", time.Since(start), s)
		}
	})
}

// TestFailed finds the step of a target that failed by itself, and waits for it.
func TestFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tracker := New(Options{})
		fail := func(id digest.Digest, name, text string) {
			tracker.mu.Lock()
			defer tracker.mu.Unlock()
			tracker.order = append(tracker.order, &step{id: id, name: name, targets: []string{"app"}, completed: true, failed: text})
			tracker.finished.Broadcast()
		}
		fail("sha256:0", "[1/1] RUN x", "")
		fail("sha256:1", "[1/1] RUN x", "context canceled")
		fail("sha256:2", "[internal] load metadata", "not found")
		go func() {
			time.Sleep(maxDelay / 2)
			fail("sha256:3", "[1/1] RUN x", "exit code: 1")
		}()
		if s := tracker.Failed("app"); s == nil || s.ID != "sha256:3" {
			t.Errorf("%+v", s)
		}
		if s := tracker.Failed("lib"); s != nil {
			t.Errorf("of another target: %+v", s)
		}
	})
}

// TestLastLines keeps as many lines as the page of a run shows.
func TestLastLines(t *testing.T) {
	s := &step{}
	for i := range 80 {
		s.keep("", fmt.Appendf(nil, "line %d\n", i))
	}
	if got := s.lastLines(); len(got) != 50 || got[0] != "line 30" || got[49] != "line 79" {
		t.Errorf("%d lines: %q", len(got), got)
	}
}

// TestWarningLines names the line of a warning in the whole file, and sends it
// once for all targets that have it. Its record names that line in its text too, as
// bake's metadata file does.
func TestWarningLines(t *testing.T) {
	file := &planner.Dockerfile{Name: "app/Dockerfile", Data: []byte("FROM a\nFROM b\nFROM $C\n")}
	parts := map[string][]int{"FROM $C\n": {3}, "FROM b\nFROM $C\n": {2, 3}}
	tracker := New(Options{})
	var got events
	var records []string
	send := func(event runner.Event) {
		if w, ok := event.(runner.Warning); ok && w.File != "" {
			records = append(records, string(w.Record.(*client.VertexWarning).Short))
		}
		got.send(event)
	}
	tracker.Begin(Session{Plan: twoTargets(), Send: send, Whole: func(data []byte) (*planner.Dockerfile, *dockerfile.Reduced, bool) {
		lines, ok := parts[string(data)]
		return file, &dockerfile.Reduced{Data: data, Lines: lines}, ok
	}})
	in, done := tracker.Anchor()
	for data, line := range map[string]int32{"FROM $C\n": 1, "FROM b\nFROM $C\n": 2} {
		in <- &client.SolveStatus{Warnings: []*client.VertexWarning{{
			Short:      fmt.Appendf(nil, "Bad: C is empty (line %d)", line),
			SourceInfo: &pb.SourceInfo{Filename: "Dockerfile", Data: []byte(data)},
			Range:      []*pb.Range{{Start: &pb.Position{Line: line}, End: &pb.Position{Line: line}}},
		}}}
	}
	in <- &client.SolveStatus{Vertexes: []*client.Vertex{vertex("sha256:1", verifying, 0)}}
	in <- &client.SolveStatus{Warnings: []*client.VertexWarning{{Vertex: "sha256:1", Short: []byte("it is not what was asked for")}}}
	close(in)
	<-done
	tracker.Warn("old builder")
	got.lines = got.lines[:1:1]
	got.want(t, "\nwarning Bad: C is empty app/Dockerfile 3\n")
	if want := []string{"Bad: C is empty (line 3)"}; !slices.Equal(records, want) {
		t.Errorf("records %q, want %q", records, want)
	}
}

// TestImported sees how the reading of a cache went, and can hide a fault.
func TestImported(t *testing.T) {
	tracker := New(Options{})
	var got events
	var told []string
	tracker.Begin(Session{Plan: twoTargets(), Send: got.send, Imported: func(id, fault string) bool {
		told = append(told, id+": "+fault)
		return fault != "not found"
	}})
	in, done := tracker.Anchor()
	for i, fault := range []string{"not found", "denied", ""} {
		v := vertex(digest.FromString(fault), fmt.Sprintf("%sr/cache:%d", importPrefix, i), time.Second)
		v.Error = fault
		in <- &client.SolveStatus{Vertexes: []*client.Vertex{v}}
	}
	close(in)
	<-done
	got.want(t, `
started importing cache manifest from r/cache:0
finished importing cache manifest from r/cache:0 1s false 
started importing cache manifest from r/cache:1
finished importing cache manifest from r/cache:1 1s false denied
started importing cache manifest from r/cache:2
finished importing cache manifest from r/cache:2 1s false 
`)
	if want := "r/cache:0: not found, r/cache:1: denied, r/cache:2: "; strings.Join(told, ", ") != want {
		t.Errorf("told %q", told)
	}
}

// TestDecision shows what a policy says as a step, and nothing if it is silent.
func TestDecision(t *testing.T) {
	tracker := New(Options{})
	var got events
	tracker.Begin(Session{Send: got.send})
	_, end := tracker.Decision("image x")
	end(true)
	line, end := tracker.Decision("image y")
	line("not signed")
	end(true)
	if len(got.lines) != 3 || got.lines[0] != "started policies on image y\n" || got.lines[1] != "output not signed\n" ||
		!strings.HasSuffix(got.lines[2], "not allowed\n") {
		t.Errorf("events %q", got.lines)
	}
}

// TestTestLog shows a test as a step that is not part of the report, and keeps
// its output for a judgement.
func TestTestLog(t *testing.T) {
	var m mask.Mask
	m.Add("s3cret-value")
	dir := t.TempDir()
	tracker := New(Options{Mask: &m, LogDir: dir})
	var steps []*runner.Step
	tracker.Begin(Session{Plan: twoTargets(), Send: func(e runner.Event) {
		if s, ok := e.(runner.StepFinished); ok {
			steps = append(steps, s.Step)
		}
	}})
	log := tracker.Test("client", &config.Test{Name: "smoke", Run: []string{"sh", "-c", "echo  s3cret-value"}})
	if _, err := log.Write([]byte("out s3cret-value\n")); err != nil {
		t.Fatal(err)
	}
	log.End(errors.New("it says s3cret-value"))
	if _, err := log.Write([]byte("late\n")); err != nil {
		t.Fatal(err)
	}
	s := steps[0]
	if s.Title != "[client: test smoke] sh -c echo ***" || s.Error != "it says ***" || !s.Unrecorded {
		t.Errorf("step %+v", s)
	}
	if log.Text() != "out s3cret-value\n" || strings.Join(log.Lines(), "") != "out ***" || log.File() != filepath.Join(dir, "test-client-smoke.log") {
		t.Errorf("text %q, lines %q, file %s", log.Text(), log.Lines(), log.File())
	}
	if silent := tracker.Test("client", &config.Test{Name: "silent"}); silent.File() != "" {
		t.Error("a test without output has a log")
	}
}

// TestStepPlatform says the platform of a step where it tells one step from
// another, and not where the step is for several.
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
		tracker := New(Options{})
		tracker.Begin(Session{Plan: &planner.Plan{Graph: plan.Graph, Builds: tt.builds}})
		name, _ := ParseName(tt.name)
		tracker.owner["1"] = &owned{target: "client", stages: tt.vertices, name: name}
		s := &step{id: "1", name: tt.name}
		tracker.place(s)
		if got := tracker.title(s); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}
