package runner

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/need"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner/chain"
)

// simulator is a builder that runs the vertices of a plan, each once, as soon as
// what they are made from is there. A RUN takes as long as its text says.
type simulator struct {
	mu       sync.Mutex
	watch    func(Event)
	running  int
	most     int      // RUN steps at once
	order    []string // of RUN steps
	finished map[*planner.Vertex]chan struct{}
	export   time.Duration
}

func (s *simulator) Open(_ context.Context, _ *planner.Plan, send func(Event)) (Session, error) {
	s.watch = send
	s.finished = map[*planner.Vertex]chan struct{}{}
	return s, nil
}

func (s *simulator) Builder() string                     { return "simulator" }
func (s *simulator) Close(context.Context, Ending) error { return nil }

func (s *simulator) Build(ctx context.Context, b *planner.Build, how BuildOptions) (*Result, error) {
	for _, v := range b.Stages {
		<-s.run(v)
	}
	if err := how.Evaluated(ctx); err != nil {
		return nil, err
	}
	time.Sleep(s.export)
	return &Result{}, nil
}

// run begins a vertex, unless that has happened, and returns what is closed
// when it is done.
func (s *simulator) run(v *planner.Vertex) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if done, ok := s.finished[v]; ok {
		return done
	}
	done := make(chan struct{})
	s.finished[v] = done
	go func() {
		var inputs []<-chan struct{}
		for _, e := range v.Inputs {
			inputs = append(inputs, s.run(e.From))
		}
		for _, in := range inputs {
			<-in
		}
		for _, step := range v.Steps {
			s.step(v, step.Text)
		}
		s.watch(Activity{Vertex: v, Kind: VertexDone})
		close(done)
	}()
	return done
}

func (s *simulator) step(v *planner.Vertex, text string) {
	took, err := time.ParseDuration(strings.Fields(text)[1])
	if err != nil {
		panic(err)
	}
	run := strings.HasPrefix(text, "RUN ")
	s.watch(Activity{Vertex: v, Kind: WorkStarted, Run: run})
	s.count(run, 1, v)
	time.Sleep(took)
	s.count(run, -1, v)
	s.watch(Activity{Vertex: v, Kind: WorkFinished, Run: run})
}

func (s *simulator) count(run bool, n int, v *planner.Vertex) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !run {
		return
	}
	s.running += n
	s.most = max(s.most, s.running)
	if n > 0 {
		s.order = append(s.order, v.Name)
	}
}

// project makes a plan of stages, "name = STEP 1s, STEP 2s < input input", and
// targets, "name: stage".
func project(lines ...string) *planner.Plan {
	plan := &planner.Plan{Graph: &planner.Graph{}}
	stages := map[string]*planner.Vertex{}
	for _, line := range lines {
		if name, rest, ok := strings.Cut(line, " = "); ok {
			steps, inputs, _ := strings.Cut(rest, " < ")
			v := &planner.Vertex{ID: name, Name: name, Kind: planner.Stage}
			for text := range strings.SplitSeq(steps, ", ") {
				v.Steps = append(v.Steps, planner.Step{Text: text})
			}
			for _, in := range strings.Fields(inputs) {
				v.Inputs = append(v.Inputs, planner.Edge{From: stages[in]})
			}
			stages[name] = v
			plan.Graph.Vertices = append(plan.Graph.Vertices, v)
			continue
		}
		name, stage, _ := strings.Cut(line, ": ")
		plan.Builds = append(plan.Builds, &planner.Build{
			Target: &config.Target{Name: name}, Stages: []*planner.Vertex{stages[stage]}, Wanted: true,
		})
	}
	for _, b := range plan.Builds {
		reached := map[*planner.Vertex]bool{}
		mark(b.Stages[0], reached)
		for v := range reached {
			v.Targets = append(v.Targets, b.Name())
		}
	}
	return plan
}

func mark(v *planner.Vertex, seen map[*planner.Vertex]bool) {
	if !seen[v] {
		seen[v] = true
		for _, e := range v.Inputs {
			mark(e.From, seen)
		}
	}
}

// recorded are times as an earlier run has left them.
var recorded = chain.Times{Vertex: func(v *planner.Vertex) time.Duration {
	var sum time.Duration
	for _, s := range v.Steps {
		took, err := time.ParseDuration(strings.Fields(s.Text)[1])
		if err != nil {
			panic(err)
		}
		sum += took
	}
	return sum
}}

// simulate runs a plan in time that does not pass.
func simulate(t *testing.T, plan *planner.Plan, s *simulator, opt Options) (took time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r, err := Run(t.Context(), plan, s, opt)
		if err != nil || !r.OK() {
			t.Fatalf("%v, %s", err, states(r))
		}
		took = r.Finished.Sub(r.Started)
	})
	return took
}

// What is slow starts first, whatever it is called, if it is known to be slow:
// by the times of an earlier run, or by its steps.
func TestLongestFirst(t *testing.T) {
	lines := []string{}
	for i := range 11 {
		lines = append(lines, fmt.Sprintf("s%02d = RUN 2s", i), fmt.Sprintf("t%02d: s%02d", i, i))
	}
	once := project(append(lines, "slow = RUN 20s", "z: slow")...)
	many := project(append(lines, "slow = RUN 5s, RUN 5s, RUN 5s, RUN 5s", "z: slow")...)
	tests := []struct {
		name  string
		plan  *planner.Plan
		times chain.Times
		want  time.Duration
	}{
		{"recorded", once, recorded, 20 * time.Second},
		{"more steps", many, chain.Times{}, 20 * time.Second},
		{"nothing known", once, chain.Times{}, 22 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &simulator{}
			if got := simulate(t, tt.plan, s, Options{Jobs: 8, Times: tt.times}); got != tt.want || s.most > 8 {
				t.Errorf("took %s with %d steps at once, want %s with 8", got, s.most, tt.want)
			}
			first := slices.Sorted(slices.Values(s.order[:8]))
			if tt.name == "nothing known" && first[7] != "s07" {
				t.Errorf("among equals, the first were %v", first)
			}
		})
	}
}

// A place is taken by what runs. Targets that wait for a stage that another one
// runs leave theirs to others, and none is started that could do nothing else.
func TestWaitingTakesNoPlace(t *testing.T) {
	plan := project(
		"base = RUN 10s",
		"a1 = RUN 1s < base", "a2 = RUN 1s < base", "a3 = RUN 1s < base", "a4 = RUN 1s < base",
		"b1 = RUN 5s", "b2 = RUN 5s",
		"a1: a1", "a2: a2", "a3: a3", "a4: a4", "b1: b1", "b2: b2",
	)
	s := &simulator{}
	if got, want := simulate(t, plan, s, Options{Jobs: 2, Times: recorded}), 12*time.Second; got != want || s.most > 2 {
		t.Errorf("took %s with %d steps at once, want %s with 2: %v", got, s.most, want, s.order)
	}
}

// Files and images that take long to arrive, and outputs, take no place either.
func TestOnlyRunTakesPlace(t *testing.T) {
	plan := project(
		"a = COPY 30s, RUN 1s", "b = RUN 5s", "c = RUN 5s",
		"a: a", "b: b", "c: c",
	)
	s := &simulator{export: 20 * time.Second}
	got := simulate(t, plan, s, Options{Jobs: 1, Times: recorded})
	if want := 51 * time.Second; got != want || s.most > 1 {
		t.Errorf("took %s with %d steps at once, want %s with 1", got, s.most, want)
	}
}

// Between its steps a build keeps its place.
func TestPlaceKeptBetweenSteps(t *testing.T) {
	var lines []string
	for i := range 10 {
		lines = append(lines, fmt.Sprintf("s%d = RUN 2s, COPY 500ms, RUN 2s, COPY 500ms, RUN 2s", i), fmt.Sprintf("t%d: s%d", i, i))
	}
	s := &simulator{}
	if got, want := simulate(t, project(lines...), s, Options{Jobs: 2}), 35*time.Second; got != want || s.most > 2 {
		t.Errorf("took %s with %d steps at once, want %s with 2", got, s.most, want)
	}
}

// Where the builder has room after all, more runs than was thought; where it has
// none, no more.
func TestRoom(t *testing.T) {
	var lines []string
	for i := range 100 {
		lines = append(lines, fmt.Sprintf("s%d = RUN 20s", i), fmt.Sprintf("t%d: s%d", i, i))
	}
	tests := []struct {
		name string
		room int // steps at once that the machine has room for
		want time.Duration
		most int
	}{
		{"for all", 1000, 22 * time.Second, 100},
		{"for no more", 0, 260 * time.Second, 8},
		{"for some", 30, 100 * time.Second, 64},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &simulator{}
			room := func(want int) int {
				s.mu.Lock()
				defer s.mu.Unlock()
				return min(want, tt.room-s.running)
			}
			got := simulate(t, project(lines...), s, Options{Jobs: 8, Room: room})
			if got > tt.want || s.most > tt.most {
				t.Errorf("took %s with %d at once, want %s with %d", got, s.most, tt.want, tt.most)
			}
		})
	}
}

// asBake is how long bake takes: so many targets at a time, by alphabet, each
// with its place from its start to its end.
func asBake(t *testing.T, plan *planner.Plan, jobs int) (took time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		s := &simulator{}
		session, err := s.Open(t.Context(), plan, func(Event) {})
		if err != nil {
			t.Fatal(err)
		}
		if jobs == 0 {
			jobs = len(plan.Builds)
		}
		start := time.Now()
		var all sync.WaitGroup
		places := make(chan bool, jobs)
		for _, b := range plan.Builds {
			places <- true
			all.Go(func() {
				_, _ = session.Build(t.Context(), b, BuildOptions{Evaluated: func(context.Context) error { return nil }})
				<-places
			})
		}
		all.Wait()
		took = time.Since(start)
	})
	return took
}

// randomProject has shared bases, stages of unlike lengths, some in common, and
// a long chain now and then. Its targets are in alphabetical order.
func randomProject(r *rand.Rand) *planner.Plan {
	var lines, stages []string
	steps := func() string {
		var s []string
		for range 1 + r.IntN(3) {
			s = append(s, fmt.Sprintf("RUN %dms", 100*(1+r.IntN(1+r.IntN(100)))))
		}
		return strings.Join(s, ", ")
	}
	for i := range 3 + r.IntN(40) {
		line := fmt.Sprintf("s%d = %s", i, steps())
		var in []string
		for range r.IntN(3) {
			if len(stages) > 0 {
				in = append(in, stages[r.IntN(len(stages))])
			}
		}
		if len(in) > 0 {
			line += " < " + strings.Join(in, " ")
		}
		lines, stages = append(lines, line), append(stages, fmt.Sprintf("s%d", i))
	}
	for i := range 2 + r.IntN(60) {
		lines = append(lines, fmt.Sprintf("t%02d: %s", i, stages[r.IntN(len(stages))]))
	}
	return project(lines...)
}

// Over many projects, a run whose times are known is about never slower than
// bake at the same -j, and most of the time faster. With a single place it is
// chance: what matters there is only which target runs stages side by side.
func TestNoSlowerThanBake(t *testing.T) {
	projects := need.Rounds(300)
	for _, jobs := range []int{0, 2, 3, 4, 8, 16} {
		var ours, theirs time.Duration
		slower := 0
		for seed := range uint64(projects) {
			plan := randomProject(rand.New(rand.NewPCG(seed, 1)))
			s := &simulator{}
			our, their := simulate(t, plan, s, Options{Jobs: jobs, Times: recorded}), asBake(t, plan, jobs)
			ours, theirs = ours+our, theirs+their
			if float64(our) > 1.02*float64(their) {
				slower++
				if float64(our) > 1.2*float64(their) {
					t.Errorf("-j %d, project %d: %s, bake %s", jobs, seed, our, their)
				}
			}
		}
		t.Logf("-j %d: %.2f of bake; slower in %d of %d", jobs, float64(ours)/float64(theirs), slower, projects)
		if ours > theirs || slower > max(1, projects/20) {
			t.Errorf("-j %d: %s in all, bake %s; slower in %d of %d", jobs, ours, theirs, slower, projects)
		}
	}
}
