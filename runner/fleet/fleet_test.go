package fleet

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/place"
	"github.com/orch-build/orch/planner/plannertest"
	"github.com/orch-build/orch/runner"
)

const amd64, arm64 = "linux/amd64", "linux/arm64"

// daemon is a builder without a daemon. It notes what it builds.
type daemon struct {
	name string

	mu    sync.Mutex
	dies  int // after so many targets; 0 is never
	dead  bool
	built []string
	// now and most are how many targets are built at once.
	now, most int
	// contexts are those of targets that name a layout.
	contexts []string
	// outputs are what targets are written to.
	outputs []string
}

func (d *daemon) Open(_ context.Context, plan *planner.Plan, send func(runner.Event)) (runner.Session, error) {
	return &session{d, plan, send}, nil
}

type session struct {
	*daemon
	plan *planner.Plan
	send func(runner.Event)
}

func (s *session) Builder() string                                { return s.name }
func (s *session) Close(_ context.Context, _ runner.Ending) error { return nil }

func (s *session) Build(ctx context.Context, b *planner.Build, opt runner.BuildOptions) (*runner.Result, error) {
	lost := &runner.Failure{Target: b.Name(), ExitCode: -1, Lost: true, Transient: true, Reason: "the connection is lost", Err: errors.New("lost")}
	what := b.Name()
	if len(b.Platforms) > 0 {
		what += " " + strings.Join(b.Platforms, ",")
	}
	s.mu.Lock()
	if s.dies > 0 && len(s.built) >= s.dies {
		s.dead = true
	}
	dead := s.dead
	if !dead && !opt.NoExport {
		s.built = append(s.built, what)
	}
	for name, c := range b.Target.Contexts {
		if c.Kind == config.OCILayout {
			s.contexts = append(s.contexts, fmt.Sprintf("%s: %s in %s", what, name, path.Base(c.Value)))
		}
	}
	for _, o := range b.Target.Outputs {
		s.outputs = append(s.outputs, fmt.Sprintf("%s: %s tar=%s compression=%s", what, o.Type, o.Attrs["tar"], o.Attrs["compression"]))
	}
	s.mu.Unlock()
	if dead {
		return nil, lost
	}
	s.enter(1)
	time.Sleep(time.Millisecond)
	s.enter(-1)
	step := &runner.Step{ID: "sha256:same", Number: 1, Title: "[x] RUN", Targets: []string{b.Name()}, Vertices: b.Stages, Started: time.Now(), Done: true}
	s.send(runner.StepFinished{Step: step})
	if err := opt.Evaluated(ctx); err != nil {
		return nil, err
	}
	s.send(runner.Measured{Build: b, Steps: runner.Steps{Run: 1}})
	return &runner.Result{Digest: "sha256:" + s.name, Metadata: map[string]any{}}, nil
}

func (d *daemon) enter(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.now += n
	d.most = max(d.most, d.now)
}

// fleetOf is a fleet of daemons for a definition.
func fleetOf(t *testing.T, cfg *config.Config, files plannertest.Files, daemons []*daemon, platforms ...[]string) (*planner.Plan, Options) {
	t.Helper()
	newPlan := func(_ context.Context, cfg *config.Config, platform string) (*planner.Plan, error) {
		plan, diags := planner.New(cfg, planner.Options{Files: files, BuildPlatform: platform, Dir: "/w"})
		if diags.HasErrors() {
			return nil, diags
		}
		return plan, nil
	}
	plan, err := newPlan(t.Context(), cfg, amd64)
	if err != nil {
		t.Fatal(err)
	}
	opt := Options{Config: cfg, Plan: newPlan, BuildPlatform: amd64, Times: place.Times{
		Vertex: func(v *planner.Vertex) time.Duration { return time.Duration(len(v.Steps)) * time.Second },
		Export: func(*planner.Build) time.Duration { return 0 },
	}}
	for i, d := range daemons {
		has := []string{amd64}
		if i < len(platforms) {
			has = platforms[i]
		}
		opt.Nodes = append(opt.Nodes, &Node{
			Builder: place.Builder{Name: d.name, Platforms: has}, Platform: has[0],
			Solver:  func(string) (runner.Solver, error) { return d, nil },
			Answers: func(context.Context) bool { d.mu.Lock(); defer d.mu.Unlock(); return !d.dead },
		})
	}
	return plan, opt
}

// sixBases are targets over bases.
func sixBases(targets int) (*config.Config, plannertest.Files) {
	cfg, files := &config.Config{}, plannertest.Files{}
	for b := range 6 {
		name := fmt.Sprintf("Dockerfile.%d", b)
		files[name] = &fstest.MapFile{Data: []byte(fmt.Sprintf("FROM scratch AS base\nRUN base %d\nRUN more\nFROM base\nARG I\nRUN echo $I\n", b))}
		for i := range targets {
			cfg.Targets = append(cfg.Targets, &config.Target{
				Name: fmt.Sprintf("t-%d-%d", b, i), Context: config.Context{Kind: config.Local, Value: "."}, Dockerfile: name, Args: map[string]string{"I": fmt.Sprint(i)},
			})
		}
	}
	for _, t := range cfg.Targets {
		cfg.Chosen = append(cfg.Chosen, t.Name)
	}
	slices.Sort(cfg.Chosen)
	return cfg, files
}

func threeDaemons() []*daemon { return []*daemon{{name: "n1"}, {name: "n2"}, {name: "n3"}} }

func runPlan(t *testing.T, plan *planner.Plan, opt Options) *runner.Report {
	t.Helper()
	report, err := runner.Run(t.Context(), plan, New(opt), runner.Options{Warnings: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range report.Failures() {
		t.Errorf("%s: %v", f.Name(), f.Err)
	}
	return report
}

func TestSpread(t *testing.T) {
	cfg, files := sixBases(5)
	daemons := threeDaemons()
	plan, opt := fleetOf(t, cfg, files, daemons)
	report := runPlan(t, plan, opt)
	all := 0
	for _, d := range daemons {
		all += len(d.built)
		if len(d.built) != 10 {
			t.Errorf("%s has built %d of 30: %v", d.name, len(d.built), d.built)
		}
	}
	if all != 30 {
		t.Errorf("built %d", all)
	}
	for _, tr := range report.Targets {
		if len(tr.Result.Builders) != 1 || tr.Result.Steps.Run != 1 {
			t.Errorf("%s: %+v", tr.Name(), tr.Result)
		}
	}
	// The step has one ID on all of them.
	if len(report.Steps) != 3 {
		t.Errorf("%d steps, want one of each builder", len(report.Steps))
	}
	if report.Builder != "3 builders (n1, n2, n3)" {
		t.Errorf("builder %q", report.Builder)
	}
}

// TestLost: what a builder has not finished goes to others, and only that.
func TestLost(t *testing.T) {
	for dies := range 10 {
		cfg, files := sixBases(5)
		daemons := threeDaemons()
		daemons[1].dies = max(dies, 1)
		plan, opt := fleetOf(t, cfg, files, daemons)
		report := runPlan(t, plan, opt)
		count := map[string]int{}
		for _, d := range daemons {
			for _, name := range d.built {
				count[name]++
			}
		}
		for _, b := range plan.Builds {
			if count[b.Name()] != 1 {
				t.Errorf("%d: %s was built %d times", dies, b.Name(), count[b.Name()])
			}
		}
		if !report.OK() || report.Rounds != 1 {
			t.Errorf("%d: ok %t, %d rounds", dies, report.OK(), report.Rounds)
		}
	}
}

// TestAllLost: where nobody is left, the failure is that of the builder.
func TestAllLost(t *testing.T) {
	cfg, files := sixBases(2)
	daemons := threeDaemons()
	for _, d := range daemons {
		d.dies = 1
	}
	plan, opt := fleetOf(t, cfg, files, daemons)
	report, err := runner.Run(t.Context(), plan, New(opt), runner.Options{KeepGoing: true})
	if err != nil {
		t.Fatal(err)
	}
	failures := report.Failures()
	if len(failures) == 0 {
		t.Fatal("nothing failed")
	}
	for _, f := range failures {
		if fail := runner.AsFailure(f.Err); fail == nil || !fail.Lost || fail.Builder == "" || strings.Contains(f.Err.Error(), "context canceled") {
			t.Errorf("%s: %v", f.Name(), f.Err)
		}
	}
}

// TestArchives writes several archives of a target whose platforms are on several
// builders: each writes one folder for all of them. Archives that differ in what is in
// them have a target stay on one builder.
func TestArchives(t *testing.T) {
	output := func(kind string, attrs ...string) config.Output {
		e := config.Entry{Type: kind, Attrs: map[string]string{}}
		for i := 0; i < len(attrs); i += 2 {
			e.Attrs[attrs[i]] = attrs[i+1]
		}
		return config.NewOutput(e)
	}
	tests := []struct {
		name    string
		outputs []config.Output
		x86     []string
		arm     []string
		files   []string
	}{
		{
			"the same image",
			[]config.Output{output("oci", "dest", "a.tar"), output("docker", "dest", "b.tar"), output("docker", "context", "other"), output("local", "dest", "out")},
			[]string{"app linux/amd64: oci tar=false compression=", "app linux/amd64: local tar= compression="},
			[]string{"app linux/arm64: oci tar=false compression=", "app linux/arm64: local tar= compression="},
			[]string{"a.tar", "b.tar", ""},
		},
		{
			"another image",
			[]config.Output{output("oci", "dest", "a.tar"), output("oci", "dest", "b.tar", "compression", "zstd")},
			nil,
			[]string{"app linux/amd64,linux/arm64: oci tar= compression=", "app linux/amd64,linux/arm64: oci tar= compression=zstd"},
			nil,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := &config.Config{Chosen: []string{"app"}, Targets: []*config.Target{{
				Name: "app", Context: config.Context{Kind: config.Local, Value: "."}, Dockerfile: "Dockerfile",
				Platforms: plannertest.Platforms(amd64, arm64), Outputs: tt.outputs,
			}}}
			files := plannertest.Files{"Dockerfile": &fstest.MapFile{Data: []byte("FROM scratch\nRUN make\n")}}
			x86, arm := &daemon{name: "x86"}, &daemon{name: "arm"}
			plan, opt := fleetOf(t, cfg, files, []*daemon{x86, arm}, []string{amd64}, []string{arm64, amd64})
			var written []string
			var layouts [][]string
			opt.Archive = func(_ context.Context, a Archive) (int64, error) {
				written = append(written, a.Dest)
				layouts = append(layouts, a.Layouts)
				part := func(arch string) *ocispecs.Index {
					return &ocispecs.Index{Manifests: []ocispecs.Descriptor{{Digest: digest.FromString(arch), Platform: &ocispecs.Platform{OS: "linux", Architecture: arch}}}}
				}
				_, _, err := a.Compose([]*ocispecs.Index{part("amd64"), part("arm64")})
				return 1, err
			}
			session, err := New(opt).Open(t.Context(), plan, func(runner.Event) {})
			if err != nil {
				t.Fatal(err)
			}
			_, err = session.Build(t.Context(), plan.Builds[0], runner.BuildOptions{Evaluated: func(context.Context) error { return nil }})
			if err != nil {
				t.Error(err)
			}
			if err := session.Close(t.Context(), true); err != nil {
				t.Error(err)
			}
			if !slices.Equal(x86.outputs, tt.x86) || !slices.Equal(arm.outputs, tt.arm) {
				t.Errorf("x86 writes\n%s\narm writes\n%s", strings.Join(x86.outputs, "\n"), strings.Join(arm.outputs, "\n"))
			}
			if !slices.Equal(written, tt.files) {
				t.Errorf("archives are %q, want %q", written, tt.files)
			}
			for _, l := range layouts {
				if !slices.Equal(l, layouts[0]) || len(l) != 2 {
					t.Errorf("an archive is made of %q, another of %q", l, layouts[0])
				}
			}
		})
	}
}

// TestSameCache says that builders write a cache in place of each other's.
func TestSameCache(t *testing.T) {
	cfg, files := sixBases(2)
	for i, target := range cfg.Targets {
		ref := "reg/cache"
		if i%2 == 1 {
			ref += target.Name
		}
		target.CacheTo = []config.CacheEntry{config.NewCacheEntry(config.Entry{Type: "registry", Attrs: map[string]string{"ref": ref, "mode": "max"}})}
	}
	plan, opt := fleetOf(t, cfg, files, threeDaemons())
	var warnings []string
	session, err := New(opt).Open(t.Context(), plan, func(e runner.Event) {
		if w, ok := e.(runner.Warning); ok {
			warnings = append(warnings, w.Text)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := session.Close(t.Context(), true); err != nil {
		t.Error(err)
	}
	if want := "3 builders (n1, n2, n3) write the cache registry ref=reg/cache,"; len(warnings) != 1 || !strings.HasPrefix(warnings[0], want) {
		t.Errorf("warnings %q, want one that begins with %q", warnings, want)
	}
}

// TestLeftOut: a builder that did not answer from the beginning is not among those that
// a run is on.
func TestLeftOut(t *testing.T) {
	cfg, files := sixBases(1)
	plan, opt := fleetOf(t, cfg, files, threeDaemons())
	opt.Nodes[1].Down = errors.New("nobody listens there")
	if report := runPlan(t, plan, opt); report.Builder != "2 builders (n1, n3)" {
		t.Errorf("builder %q", report.Builder)
	}
}

func TestNativePlatforms(t *testing.T) {
	cfg, files := sixBases(1)
	for _, target := range cfg.Targets {
		target.Platforms = plannertest.Platforms(amd64, arm64)
	}
	daemons := threeDaemons()
	plan, opt := fleetOf(t, cfg, files, daemons, []string{amd64}, []string{arm64}, []string{amd64})
	runPlan(t, plan, opt)
	if len(daemons[1].built) != 6 {
		t.Errorf("n2 has built %v", daemons[1].built)
	}
	for _, d := range daemons {
		for _, what := range d.built {
			if want := map[string]string{"n1": amd64, "n2": arm64, "n3": amd64}[d.name]; !strings.HasSuffix(what, " "+want) {
				t.Errorf("%s has built %s", d.name, what)
			}
		}
	}
}

// TestPlatformOfNone: a target without platforms is for the platform of the run,
// also on a builder with another one of its own.
func TestPlatformOfNone(t *testing.T) {
	cfg, files := sixBases(1)
	daemons := threeDaemons()
	plan, opt := fleetOf(t, cfg, files, daemons, []string{amd64}, []string{amd64}, []string{arm64, amd64})
	runPlan(t, plan, opt)
	for _, what := range daemons[2].built {
		if !strings.HasSuffix(what, " "+amd64) {
			t.Errorf("n3 has built %s", what)
		}
	}
	if len(daemons[2].built) == 0 {
		t.Error("n3 has built nothing")
	}
}

func TestMissing(t *testing.T) {
	cfg, files := sixBases(1)
	cfg.Targets[0].Platforms = plannertest.Platforms("linux/s390x")
	plan, opt := fleetOf(t, cfg, files, threeDaemons())
	_, _, err := Placed(plan, opt)
	var missing *place.MissingError
	if !errors.As(err, &missing) || !strings.Contains(err.Error(), "n2: linux/amd64") || !strings.Contains(err.Error(), "t-0-0") {
		t.Errorf("error %v", err)
	}
}

// TestLinked: a target that is only linked to is built on each builder that needs
// it, before what needs it.
func TestLinked(t *testing.T) {
	cfg, files := sixBases(3)
	files["Dockerfile.base"] = &fstest.MapFile{Data: []byte("FROM scratch\nRUN base\n")}
	cfg.Targets = append(cfg.Targets, &config.Target{Name: "base", Context: config.Context{Kind: config.Local, Value: "."}, Dockerfile: "Dockerfile.base"})
	for _, target := range cfg.Targets[:18] {
		target.Contexts = map[string]config.Context{"base": {Kind: config.LinkedTarget, Value: "base"}}
	}
	daemons := threeDaemons()
	daemons[2].dies = 2
	plan, opt := fleetOf(t, cfg, files, daemons)
	report := runPlan(t, plan, opt)
	if !report.OK() {
		t.Error("it failed")
	}
}

// TestCarry builds a stage that all platforms copy from on one builder, and brings it
// to the others.
func TestCarry(t *testing.T) {
	tests := []struct {
		name, file string
		carried    bool
	}{
		{"copied", "FROM --platform=$BUILDPLATFORM base AS gen\nRUN make\nFROM scratch\nCOPY --from=gen /out /\n", true},
		{"of each platform", "FROM --platform=$BUILDPLATFORM base AS gen\nARG TARGETARCH\nRUN make $TARGETARCH\nFROM scratch\nCOPY --from=gen /out /\n", false},
		{"run", "FROM --platform=$BUILDPLATFORM base AS gen\nRUN make\nFROM base\nRUN --mount=from=gen,target=/gen /gen/tool\n", false},
		{"a base", "FROM --platform=$BUILDPLATFORM base AS gen\nRUN make\nFROM gen AS one\nARG TARGETARCH\nRUN make $TARGETARCH\nFROM scratch\nCOPY --from=one / /\nCOPY --from=gen / /\n", false},
		{"without a name", "FROM --platform=$BUILDPLATFORM base\nRUN make\nFROM scratch\nCOPY --from=0 /out /\n", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			both, err := config.ParsePlatforms([]string{amd64, arm64})
			if err != nil {
				t.Fatal(err)
			}
			cfg := &config.Config{Chosen: []string{"app"}, Targets: []*config.Target{{
				Name: "app", Context: config.Context{Kind: config.Local, Value: "."}, Dockerfile: "Dockerfile", Platforms: both,
				Outputs: []config.Output{config.NewOutput(config.Entry{Type: "cacheonly"})},
			}}}
			files := plannertest.Files{"Dockerfile": &fstest.MapFile{Data: []byte(tt.file)}}
			x86, arm := &daemon{name: "x86"}, &daemon{name: "arm"}
			plan, opt := fleetOf(t, cfg, files, []*daemon{x86, arm}, []string{amd64}, []string{arm64})
			session, err := New(opt).Open(t.Context(), plan, func(runner.Event) {})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := session.Build(t.Context(), plan.Builds[0], runner.BuildOptions{Evaluated: func(context.Context) error { return nil }}); err != nil {
				t.Fatal(err)
			}
			if err := session.Close(t.Context(), true); err != nil {
				t.Error(err)
			}
			slices.Sort(x86.built)
			want, got := []string{"app linux/amd64"}, []string(nil)
			if tt.carried {
				want = append(want, "app-stage-gen-linux-amd64 linux/amd64")
				got = []string{"app linux/arm64: gen in stage-0@sha256:x86"}
			}
			if !slices.Equal(x86.built, want) || !slices.Equal(arm.contexts, got) || len(x86.contexts) > 0 {
				t.Errorf("x86 has built %q, and arm %q with %q", x86.built, arm.built, arm.contexts)
			}
		})
	}
}

// TestLimit builds no more at once on a builder than it may, and waits for nobody that
// waits for it: platforms wait for each other, and targets for what they link to.
func TestLimit(t *testing.T) {
	both, err := config.ParsePlatforms([]string{amd64, arm64})
	if err != nil {
		t.Fatal(err)
	}
	cfg, files := &config.Config{}, plannertest.Files{"Dockerfile": &fstest.MapFile{Data: []byte("FROM scratch\nARG I\nCOPY . /$I\n")}}
	for i := range 8 {
		target := &config.Target{
			Name: fmt.Sprintf("t%d", i), Context: config.Context{Kind: config.Local, Value: "."}, Dockerfile: "Dockerfile", Platforms: both,
			Args: map[string]string{"I": fmt.Sprint(i)}, Outputs: []config.Output{config.NewOutput(config.Entry{Type: "cacheonly"})},
		}
		if i%2 == 1 {
			target.Contexts = map[string]config.Context{"other": {Kind: config.LinkedTarget, Value: fmt.Sprintf("t%d", i-1)}}
		}
		cfg.Targets, cfg.Chosen = append(cfg.Targets, target), append(cfg.Chosen, target.Name)
	}
	x86, arm := &daemon{name: "x86"}, &daemon{name: "arm"}
	plan, opt := fleetOf(t, cfg, files, []*daemon{x86, arm}, []string{amd64}, []string{arm64})
	for _, n := range opt.Nodes {
		n.Limit = 1
	}
	session, err := New(opt).Open(t.Context(), plan, func(runner.Event) {})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for _, b := range plan.Builds {
		wg.Go(func() {
			if _, err := session.Build(t.Context(), b, runner.BuildOptions{Evaluated: func(context.Context) error { return nil }}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if err := session.Close(t.Context(), true); err != nil {
		t.Error(err)
	}
	for _, d := range []*daemon{x86, arm} {
		if len(d.built) != 8 || d.most > 1 {
			t.Errorf("%s has built %q, %d at once", d.name, d.built, d.most)
		}
	}
}

// Each builder has cache mounts of its own.
func TestMountsOfBuilders(t *testing.T) {
	var got []runner.Event
	e := newEvents(&planner.Plan{Graph: &planner.Graph{}}, func(ev runner.Event) { got = append(got, ev) })
	mount := &runner.MountReport{ID: "go-build"}
	for _, name := range []string{"one", "two"} {
		n := &Node{}
		n.Name = name
		e.of(&batch{node: n}, nil)(runner.MountUsed{MountReport: mount})
	}
	if len(got) != 2 || got[0].(runner.MountUsed).Builder != "one" || got[1].(runner.MountUsed).Builder != "two" || mount.Builder != "" {
		t.Errorf("got %+v", got)
	}
}
