package shard

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/plannertest"
)

const amd64 = "linux/amd64"

func planOf(cfg *config.Config, files plannertest.Files) (*planner.Plan, bool) {
	plan, diags := planner.New(cfg, planner.Options{Files: files, BuildPlatform: amd64, Dir: "/w"})
	return plan, !diags.HasErrors()
}

// stepTimes count a RUN for ten seconds, and any other step for one.
func stepTimes() Times {
	return Times{
		Vertex: func(v *planner.Vertex) time.Duration {
			var sum time.Duration
			for _, s := range v.Steps {
				sum += time.Second
				if strings.HasPrefix(s.Text, "RUN") {
					sum += 9 * time.Second
				}
			}
			return sum
		},
		Export: func(*planner.Build) time.Duration { return 0 },
	}
}

func options(n int) Options {
	return Options{
		Count: n, Most: 256, By: By{Target: true, Platform: true}, Times: stepTimes(), BuildPlatform: amd64,
		Digest: func(b *planner.Build) string { return "orch3:" + b.Name() },
	}
}

// cellsIn counts in how many shards each target is, by platform.
func cellsIn(f *File) (count map[string]int, in map[string]int) {
	count, in = map[string]int{}, map[string]int{}
	for _, s := range f.Shards {
		for _, p := range s.Parts {
			for _, pl := range p.Platforms {
				count[p.Target+" "+pl]++
				in[p.Target+" "+pl] = s.Index
			}
			if len(p.Platforms) == 0 {
				count[p.Target+" "]++
				in[p.Target+" "] = s.Index
			}
		}
	}
	return count, in
}

// Every target is for each platform in one shard, with what it links to, and the
// same plan gives the same file.
func TestEachOnce(t *testing.T) {
	plans := func(cfg *config.Config, files plannertest.Files) bool {
		_, ok := planOf(choosing(cfg), files)
		return ok
	}
	plannertest.EachProject(t, plans, func(t *testing.T, r *rand.Rand, cfg *config.Config, files plannertest.Files) {
		plan, _ := planOf(choosing(cfg), files)
		opt := options(1 + r.IntN(6))
		f, err := Make(plan, opt)
		if err != nil {
			t.Fatal(err)
		}
		count, in := cellsIn(f)
		want := 0
		for _, b := range plan.Builds {
			if !b.Wanted {
				continue
			}
			for at := range b.Stages {
				want++
				c := cell{build: b, at: at}
				if n := count[b.Name()+" "+c.platform()]; n != 1 {
					t.Errorf("%s for %q is in %d shards", b.Name(), c.platform(), n)
				}
			}
			for _, l := range b.Inputs {
				linkedTogether(t, b, l, in)
			}
		}
		if len(count) != want {
			t.Errorf("%d parts, want %d", len(count), want)
		}
		again, err := Make(plan, opt)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(encoded(t, f), encoded(t, again)) {
			t.Error("divided in another way the second time")
		}
	})
}

// choosing asks for some of the targets.
func choosing(cfg *config.Config) *config.Config {
	one := *cfg
	one.Chosen = nil
	for i, t := range cfg.Targets {
		if i%4 != 1 || len(cfg.Targets) < 3 {
			one.Chosen = append(one.Chosen, t.Name)
		}
	}
	return &one
}

// linkedTogether checks that a target is in the shards of what it links to, on
// the platforms that it uses.
func linkedTogether(t *testing.T, b, l *planner.Build, in map[string]int) {
	t.Helper()
	if !l.Wanted {
		return
	}
	for at, v := range b.Stages {
		for lat, lv := range l.Stages {
			if !slices.Contains(reach(v), lv) {
				continue
			}
			mine, its := cell{build: b, at: at}, cell{build: l, at: lat}
			if in[b.Name()+" "+mine.platform()] != in[l.Name()+" "+its.platform()] {
				t.Errorf("%s for %q is not in the shard of %s for %q, which it is built on", b.Name(), mine.platform(), l.Name(), its.platform())
			}
		}
	}
}

func encoded(t *testing.T, f *File) []byte {
	t.Helper()
	if err := f.Seal(); err != nil {
		t.Fatal(err)
	}
	data, err := f.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// A file can be read back; one that is cut off or was changed cannot.
func TestDecode(t *testing.T) {
	cfg, files := plannertest.Project(12)
	plan, _ := planOf(cfg, files)
	f, err := Make(plan, options(3))
	if err != nil {
		t.Fatal(err)
	}
	data := encoded(t, f)
	got, err := Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if got.ID != f.ID || len(got.Shards) != 3 {
		t.Errorf("read %d shards of %s", len(got.Shards), got.ID)
	}
	for _, tt := range []struct{ name, old, new, want string }{
		{"changed", `"svc-001"`, `"svc-901"`, "which the plan does not have|was changed"},
		{"newer", `"version": 1`, `"version": 2`, "version 2"},
		{"seconds", `"seconds": `, `"seconds": 1`, "was changed"},
	} {
		_, err := Decode(bytes.Replace(data, []byte(tt.old), []byte(tt.new), 1))
		if err == nil || !containsAny(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
	for _, n := range []int{0, 1, 100, len(data) / 2, len(data) - 3} {
		if _, err := Decode(data[:n]); err == nil {
			t.Errorf("the first %d bytes were read", n)
		}
	}
	f.Wave = &Wave{Stages: []WaveStage{{Target: "svc-001", Stage: "base", Platform: "moon"}}}
	if _, err := Decode(encoded(t, f)); err == nil || !strings.Contains(err.Error(), `"base" for "moon", which is not a platform`) {
		t.Errorf("a platform that is none: %v", err)
	}
}

func containsAny(text, want string) bool {
	return slices.ContainsFunc(strings.Split(want, "|"), func(w string) bool { return strings.Contains(text, w) })
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"version": 1, "shards": [{"index": 1, "parts": [{"target": "a"}]}], "targets": [{"name": "a"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if file, err := Decode(data); err == nil && file.ID == "" {
			t.Error("a file without an ID was read")
		}
	})
}

// A target whose result is one file is not divided.
func TestFilesStayWhole(t *testing.T) {
	for _, tt := range []struct {
		kind  string
		attrs map[string]string
		apart bool
	}{
		{"registry", nil, true},
		{"image", map[string]string{"push": "true"}, true},
		{"image", map[string]string{}, false},
		{"registry", map[string]string{"push-by-digest": "true"}, false},
		{"oci", map[string]string{"dest": "x.tar"}, false},
		{"local", map[string]string{"dest": "x"}, false},
		{"cacheonly", nil, true},
	} {
		b := &planner.Build{Target: &config.Target{Outputs: []config.Output{config.NewOutput(config.Entry{Type: tt.kind, Attrs: tt.attrs})}}}
		if got := divisible(b); got != tt.apart {
			t.Errorf("%s %v: %t", tt.kind, tt.attrs, got)
		}
	}
}

// Without targets there is a matrix all the same.
func TestNothing(t *testing.T) {
	f, err := Make(&planner.Plan{Graph: &planner.Graph{}}, options(0))
	if err != nil {
		t.Fatal(err)
	}
	f.Reason = "nothing has\nchanged"
	for format, want := range map[string]string{
		"github": "count=0\nshards=0\nwaves=false\nreason=nothing has changed\nmatrix={\"include\":[]}\n",
		"azure":  "##vso[task.setvariable variable=matrix;isOutput=true]{}\n",
		"gitlab": "\"echo 'nothing has changed'\"", "buildkite": "nothing to build", "jenkins": `"shards": []`, "text": "Nothing to build",
	} {
		var out bytes.Buffer
		if err := f.Write(&out, format, Jobs{Plan: "shards.json"}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s: %s", format, out.String())
		}
	}
}

// auto takes as many shards as bring the longest to five minutes, and no more
// than there are units.
func TestAuto(t *testing.T) {
	cfg, files := plannertest.Many(40)
	plan, _ := planOf(cfg, files)
	for _, tt := range []struct {
		step time.Duration
		most int
		want int
	}{
		{time.Second, 256, 1},
		{time.Minute, 256, 20},
		{time.Hour, 256, 40},
		{time.Hour, 8, 8},
	} {
		opt := options(0)
		opt.Most = tt.most
		opt.Times.Vertex = func(v *planner.Vertex) time.Duration {
			if v.Runs() && v.Name == "build" {
				return tt.step * 2
			}
			return 0
		}
		f, err := Make(plan, opt)
		if err != nil {
			t.Fatal(err)
		}
		if len(f.Shards) != tt.want {
			t.Errorf("a target takes %s: %d shards, want %d", 2*tt.step, len(f.Shards), tt.want)
		}
	}
}

// What is written is what the published schema says, with and without waves.
func TestSchema(t *testing.T) {
	c := jsonschema.NewCompiler()
	schema, err := c.Compile("shards.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	cfg, files := plannertest.Project(12)
	for _, target := range cfg.Targets {
		target.Cache = &config.Cache{Type: "local", Ref: "cache", Lane: "main", Main: "main", Trusted: true, Write: true, Mode: "max"}
		target.Tests = []*config.Test{{Name: "smoke"}}
	}
	plan, ok := planOf(cfg, files)
	if !ok {
		t.Fatal("the project cannot be planned")
	}
	for _, waves := range []bool{false, true} {
		opt := options(3)
		opt.Waves = waves
		f, err := Make(plan, opt)
		if err != nil {
			t.Fatal(err)
		}
		if waves != (f.Wave != nil) || len(f.Shared) == 0 {
			t.Errorf("waves %t: %d shared stages, wave %v", waves, len(f.Shared), f.Wave)
		}
		data := encoded(t, f)
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(doc); err != nil {
			t.Errorf("%v\n%s", err, data)
		}
	}
}

// Waves need a cache that is written.
func TestNoLane(t *testing.T) {
	cfg, files := plannertest.Project(6)
	opt := options(3)
	opt.Waves = true
	plan, _ := planOf(cfg, files)
	_, err := Make(plan, opt)
	var lane *NoLaneError
	if !errors.As(err, &lane) || lane.ReadOnly {
		t.Errorf("without a cache: %v", err)
	}
	for _, target := range cfg.Targets {
		target.Cache = &config.Cache{Type: "local", Ref: "cache", Lane: "main", Main: "main", Mode: "max"}
	}
	plan, _ = planOf(cfg, files)
	if _, err = Make(plan, opt); !errors.As(err, &lane) || !lane.ReadOnly {
		t.Errorf("with a cache that is only read: %v", err)
	}
}

// What is said of the times does not contradict itself, with a lane to read and
// with a job before the shards: a stage that one shard alone needs is built there.
func TestEstimate(t *testing.T) {
	cfg, files := plannertest.Project(12)
	for _, target := range cfg.Targets {
		target.Cache = &config.Cache{Type: "local", Ref: "cache", Lane: "main", Main: "main", Mode: "max", Trusted: true, Write: true}
	}
	plan, ok := planOf(cfg, files)
	if !ok {
		t.Fatal("the project cannot be planned")
	}
	for _, waves := range []bool{false, true} {
		for n := 1; n <= 6; n++ {
			opt := options(n)
			opt.Waves = waves
			f, err := Make(plan, opt)
			if err != nil {
				t.Fatal(err)
			}
			if e := f.Estimate; e.Longest < e.Bound {
				t.Errorf("%d shards, waves %t: the longest takes %gs, and none is shorter than %gs", n, waves, e.Longest, e.Bound)
			}
			if e := f.Estimate; n == 1 && (e.Longest != e.Unsharded || e.Bound != e.Unsharded) {
				t.Errorf("one shard takes %gs, at least %gs, and all in one job %gs", e.Longest, e.Bound, e.Unsharded)
			}
		}
	}
}
