package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/orch-build/orch/internal/page"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
)

// Version is the version of the format of Record. A field may be added
// without a new version; a field that goes, or means something else, makes one.
const Version = 1

// Record is a report as it is kept and handed to other programs:
// orch.result.json. The schema is in result.schema.json beside this file.
// Times that something took are in seconds.
type Record struct {
	Version int    `json:"version"`
	ID      string `json:"id"`
	Orch    string `json:"orch,omitempty"` // the version of orch
	// Args is the command line after the program's name, without --resume.
	Args []string `json:"args,omitempty"`
	// Env are the variables of the environment that the definition took values
	// from; HiddenEnv names those whose values are not kept.
	Env       map[string]string `json:"environment,omitempty"`
	HiddenEnv []string          `json:"hiddenEnvironment,omitempty"`
	Project   string            `json:"project"` // the folder in which orch ran
	Builder   string            `json:"builder,omitempty"`
	// State is running, done, failed or interrupted. A record that stays at
	// running is the state of a run that was killed.
	State    string    `json:"state"`
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished,omitzero"`
	Seconds  float64   `json:"seconds"`
	Rounds   int       `json:"rounds"`
	CacheErr string    `json:"cacheError,omitempty"`
	Totals   Totals    `json:"totals"`
	// Mounts are the cache mounts that are kept beside the cache.
	Mounts   []*Mount  `json:"mounts,omitempty"`
	Targets  []*Target `json:"targets"`
	Vertices []*Vertex `json:"vertices"`
	Steps    []*Step   `json:"steps,omitempty"`
	// Shard says what part of a plan of shards the run was; nil for a whole one.
	Shard *Shard `json:"shard,omitempty"`
}

// Shard says what part of a plan of shards a run was.
type Shard struct {
	// Plan is the ID of the plan, File what it was read from.
	Plan string `json:"plan"`
	File string `json:"file,omitempty"`
	// Index counts from 1; 0 is the job before the shards. Filled are the numbers
	// of the shards that have something to build, of Count.
	Index  int   `json:"index"`
	Count  int   `json:"count"`
	Filled []int `json:"filled"`
	// Parts are what the shard builds.
	Parts []Part `json:"parts"`
	// Ranks are the places of targets in the whole plan.
	Ranks map[string]int `json:"ranks,omitempty"`
}

// Part is a target of a shard.
type Part struct {
	Target string `json:"target"`
	// Platforms are those that the shard builds, of All; none for a target that
	// names none.
	Platforms []string `json:"platforms,omitempty"`
	All       []string `json:"all,omitempty"`
	// Tests names the tests of the target, and Tested says that they are run in
	// this shard.
	Tests  []string `json:"tests,omitempty"`
	Tested bool     `json:"tested,omitempty"`
}

// Totals are the figures of a whole run.
type Totals struct {
	Stages       Stages   `json:"stages"`
	CriticalPath float64  `json:"criticalPathSeconds"`
	Critical     []string `json:"criticalPath,omitempty"` // IDs of vertices
	BytesSent    int64    `json:"bytesSent"`
	BytesPushed  int64    `json:"bytesPushed,omitempty"`
	CacheRead    int64    `json:"cacheBytesRead,omitempty"`
	CacheWritten int64    `json:"cacheBytesWritten,omitempty"`
}

// Stages counts stages.
type Stages struct {
	Run    int `json:"run"`
	Cached int `json:"cached"`
	Shared int `json:"shared"`
}

// Target is one target of a record.
type Target struct {
	Name  string       `json:"name"`
	State runner.State `json:"state"`
	// Wanted is false for a target that is only an input of others.
	Wanted bool `json:"wanted"`
	// Definition is a digest of how the target was defined, by which a later
	// run can tell whether it is still the same.
	Definition string `json:"definition,omitempty"`
	// Inputs are the digests of what the target was made of, and Why says by what
	// they differ from the last time that it was built.
	Inputs *Inputs  `json:"inputs,omitempty"`
	Why    []string `json:"why,omitempty"`
	// From is the run that built the target, if it was not this one.
	From       string   `json:"from,omitempty"`
	Cause      string   `json:"cause,omitempty"`
	CauseStage string   `json:"causeStage,omitempty"`
	Reason     string   `json:"reason,omitempty"`
	Failure    *Failure `json:"failure,omitempty"`
	Digest     string   `json:"digest,omitempty"`
	Tags       []string `json:"tags,omitempty"`
	// Reproducible says that a tag stays that names the same content.
	Reproducible bool `json:"reproducible,omitempty"`
	// Tests are the results of the tests in the image.
	Tests []Test `json:"tests,omitempty"`
	// Unpublished are the tags that did not point to the image when the run
	// ended.
	Unpublished []runner.Tag `json:"unpublished,omitempty"`
	// Skipped is the build that took the place of one in this run, and
	// Unskipped is why there was none in a run that skips.
	Skipped   *runner.Skipped `json:"skipped,omitempty"`
	Unskipped string          `json:"unskipped,omitempty"`
	// Pending is what orch merge has to know to record the build of a shard, so that
	// later runs can skip it.
	Pending json.RawMessage `json:"pendingRecord,omitempty"`
	Outputs []Output        `json:"outputs,omitempty"`
	// After are the targets that it is built on, and Ends the vertices that its
	// images are.
	After []string `json:"after,omitempty"`
	Ends  []string `json:"ends,omitempty"`
	// Builders are those that built it, in a run on several.
	Builders  []string       `json:"builders,omitempty"`
	ImageSize int64          `json:"imageBytes,omitempty"`
	Waiting   float64        `json:"waitingSeconds"`
	Running   float64        `json:"runningSeconds"`
	Exporting float64        `json:"exportingSeconds"`
	Attempts  []Attempt      `json:"attempts,omitempty"`
	Stages    []Stage        `json:"stages,omitempty"`
	Metadata  map[string]any `json:"metadata,omitempty"`
}

// Inputs are the digests of a target, as orch plan --digests prints them.
type Inputs struct {
	Image       string `json:"image"`
	Publication string `json:"publication"`
}

// Test is one test and its result.
type Test struct {
	Name    string   `json:"name"`
	Seconds float64  `json:"seconds"`
	Failure string   `json:"failure,omitempty"`
	Output  []string `json:"output,omitempty"`
}

// Failure says where and why a target failed.
type Failure struct {
	Stage     string       `json:"stage,omitempty"`
	Vertex    string       `json:"vertex,omitempty"`
	Platform  string       `json:"platform,omitempty"`
	Builder   string       `json:"builder,omitempty"`
	Step      string       `json:"step,omitempty"`
	File      string       `json:"file,omitempty"`
	Line      int          `json:"line,omitempty"`
	Excerpt   []Line       `json:"excerpt,omitempty"`
	ExitCode  *int         `json:"exitCode,omitempty"`
	Fault     runner.Fault `json:"fault"`
	Transient bool         `json:"transient,omitempty"`
	Log       []string     `json:"log,omitempty"`
	LogFile   string       `json:"logFile,omitempty"`
	Error     string       `json:"error"`
}

// Line is a line of a Dockerfile; Marked is one of the instruction that failed.
type Line struct {
	Number int    `json:"number"`
	Text   string `json:"text"`
	Marked bool   `json:"marked,omitempty"`
}

// Output is one place that a result went to.
type Output struct {
	Type  string `json:"type"`
	Where string `json:"where,omitempty"`
	Bytes int64  `json:"bytes,omitempty"`
}

// Attempt is one try to build a target.
type Attempt struct {
	Started time.Time `json:"started"`
	Seconds float64   `json:"seconds"`
	Reason  string    `json:"reason,omitempty"`
	Error   string    `json:"error,omitempty"`
}

// Stage says how many steps of a stage were run for a target, and how
// many had their result already.
type Stage struct {
	Vertex string `json:"vertex"`
	Name   string `json:"name"`
	Run    int    `json:"run"`
	Cached int    `json:"cached"`
}

// Vertex is one vertex of the plan.
type Vertex struct {
	ID       string    `json:"id"`
	Kind     string    `json:"kind,omitempty"` // "" in an old record
	Name     string    `json:"name"`
	Platform string    `json:"platform,omitempty"`
	Targets  []string  `json:"targets"`
	Inputs   []Input   `json:"inputs,omitempty"`
	Started  time.Time `json:"started,omitzero"`
	Seconds  float64   `json:"seconds"`
	Cached   bool      `json:"cached"`
	Run      int       `json:"stepsRun"`
	Hits     int       `json:"stepsCached"`
}

// Input is a vertex that another one starts from or takes from.
type Input struct {
	Vertex string `json:"vertex"`
	Why    string `json:"why"`
}

// Step is one step that the builder reported.
type Step struct {
	// Number is the one that the step has on the screen; 0 in an old record.
	Number  int      `json:"number,omitempty"`
	Name    string   `json:"name"`
	Label   string   `json:"label,omitempty"`
	Stage   string   `json:"stage,omitempty"`
	Vertex  string   `json:"vertex,omitempty"`
	Targets []string `json:"targets,omitempty"`
	// Builder is the one that had it, in a run on several.
	Builder string    `json:"builder,omitempty"`
	Started time.Time `json:"started"`
	Seconds float64   `json:"seconds"`
	Cached  bool      `json:"cached,omitempty"`
	Failed  bool      `json:"failed,omitempty"`
	Running bool      `json:"running,omitempty"`
	Log     string    `json:"log,omitempty"`
}

// Info is what a record says that a report does not know.
type Info struct {
	ID, Orch, Project string
	// Args is the command line of the run.
	Args []string
	// Env are the variables of the environment that the definition took values
	// from, and HiddenEnv names those that are not to be kept.
	Env       map[string]string
	HiddenEnv []string
	// Definition gives the digest of a build's definition.
	Definition func(*planner.Build) string
	// Inputs gives the digests of a target by its name, and why it was built;
	// nil knows none.
	Inputs func(target string) (*Inputs, []string)
	// Shard says what part of a plan of shards the run was; nil for a whole one.
	Shard *Shard
	// Earlier are targets that an earlier run has built, and this one left
	// out.
	Earlier []*Target
	// Mask makes secrets unreadable; nil leaves texts as they are.
	Mask func(string) string
}

// New makes the record of a report, which may still be growing.
func New(r *runner.Report, info Info) *Record {
	if info.Mask == nil {
		info.Mask = func(s string) string { return s }
	}
	path, length := r.CriticalPath()
	stages := r.Stages()
	rec := &Record{
		Version: Version, ID: info.ID, Orch: info.Orch, Project: info.Project,
		Builder: r.Builder, State: stateOf(r), Started: r.Started, Finished: r.Finished, Rounds: r.Rounds,
		Totals: Totals{
			Stages: Stages(stages), CriticalPath: length.Seconds(),
			BytesSent: r.Transfer.Sent, BytesPushed: r.Transfer.Pushed,
			CacheRead: r.Transfer.CacheRead, CacheWritten: r.Transfer.CacheWritten,
		},
		Targets: append([]*Target{}, info.Earlier...),
		Shard:   info.Shard,
	}
	for _, a := range info.Args {
		rec.Args = append(rec.Args, info.Mask(a))
	}
	rec.keepEnv(info)
	if !r.Finished.IsZero() {
		rec.Seconds = r.Finished.Sub(r.Started).Seconds()
	}
	if r.CacheErr != nil {
		rec.CacheErr = info.Mask(r.CacheErr.Error())
	}
	for _, m := range r.Mounts {
		rec.Mounts = append(rec.Mounts, newMount(m, info.Mask))
	}
	for _, v := range path {
		rec.Totals.Critical = append(rec.Totals.Critical, v.Vertex.ID)
	}
	rec.addVertices(r, info)
	known := r.ByVertex()
	for _, t := range r.Targets {
		rec.Targets = append(rec.Targets, newTarget(t, known, info))
	}
	for _, s := range r.Steps {
		rec.Steps = append(rec.Steps, &Step{
			Number: s.Number, Name: info.Mask(s.Name), Label: info.Mask(s.Label), Stage: s.Stage, Vertex: s.Vertex, Targets: s.Targets, Builder: s.Builder,
			Started: s.Started, Seconds: s.Took.Seconds(), Cached: s.Cached, Failed: s.Failed, Running: s.Running, Log: s.Log,
		})
	}
	return rec
}

// keepEnv writes down the environment, without what must not be kept.
func (rec *Record) keepEnv(info Info) {
	rec.HiddenEnv = slices.Clone(info.HiddenEnv)
	for name, value := range info.Env {
		if info.Mask(value) != value {
			rec.HiddenEnv = append(rec.HiddenEnv, name)
			continue
		}
		if rec.Env == nil {
			rec.Env = map[string]string{}
		}
		rec.Env[name] = value
	}
	slices.Sort(rec.HiddenEnv)
}

// stateOf is the state of a run in a record.
func stateOf(r *runner.Report) string {
	switch {
	case r.Finished.IsZero():
		return "running"
	case r.AuditErr != nil:
		return "failed"
	case r.OK():
		return "done"
	case len(r.Failures()) > 0:
		return "failed"
	}
	return "interrupted"
}

func (rec *Record) addVertices(r *runner.Report, info Info) {
	known := r.ByVertex()
	rec.Vertices = []*Vertex{}
	for _, v := range r.Plan.Graph.Vertices {
		rv := &Vertex{ID: v.ID, Kind: v.Kind.String(), Name: info.Mask(v.Name), Platform: v.Platform, Targets: v.Targets}
		for _, in := range v.Inputs {
			one := Input{in.From.ID, in.Why.String()}
			if !slices.Contains(rv.Inputs, one) {
				rv.Inputs = append(rv.Inputs, one)
			}
		}
		if vr := known[v]; vr != nil {
			rv.Started, rv.Seconds, rv.Cached = vr.Started, vr.Took.Seconds(), vr.Cached()
			rv.Run, rv.Hits = vr.Steps.Run, vr.Steps.Cached
		}
		rec.Vertices = append(rec.Vertices, rv)
	}
}

// newTarget makes the record of a target.
func newTarget(t *runner.TargetReport, known map[*planner.Vertex]*runner.VertexReport, info Info) *Target {
	rt := &Target{
		Name: t.Name(), State: t.State, Wanted: t.Build.Wanted, Cause: t.Cause, CauseStage: t.CauseStage,
		Tags: t.Build.Target.Tags, Reproducible: t.Build.Target.Reproducible,
		Waiting: t.Waited.Seconds(), Running: (t.Took - t.Exporting).Seconds(), Exporting: t.Exporting.Seconds(),
	}
	if info.Definition != nil {
		rt.Definition = info.Definition(t.Build)
	}
	if info.Inputs != nil {
		rt.Inputs, rt.Why = info.Inputs(t.Name())
	}
	for _, b := range t.Build.Inputs {
		rt.After = append(rt.After, b.Name())
	}
	for _, v := range t.Build.Stages {
		if !slices.Contains(rt.Ends, v.ID) {
			rt.Ends = append(rt.Ends, v.ID)
		}
	}
	slices.Sort(rt.Ends) // shards that have a platform each are put together in their order
	rt.Unskipped = info.Mask(t.Unskipped)
	for _, a := range t.Attempts {
		ra := Attempt{Started: a.Started, Seconds: a.Took.Seconds()}
		if a.Err != nil {
			ra.Error = info.Mask(a.Err.Error())
		}
		if f := runner.AsFailure(a.Err); f != nil {
			ra.Reason = f.Reason
		}
		rt.Attempts = append(rt.Attempts, ra)
	}
	if t.Err != nil {
		rt.fail(t, info)
	}
	if res := t.Result; res != nil {
		rt.Builders = res.Builders
		rt.Digest, rt.ImageSize, rt.Metadata = res.Digest, res.ImageSize, res.Metadata
		rt.Unpublished, rt.Skipped, rt.Pending = res.Unpublished, res.Skipped, res.Pending
		for _, o := range res.Outputs {
			rt.Outputs = append(rt.Outputs, Output{Type: o.Type, Where: o.Where, Bytes: o.Size})
		}
	}
	for _, test := range t.Tests() {
		out := make([]string, len(test.Output))
		for i, l := range test.Output {
			out[i] = info.Mask(l)
		}
		rt.Tests = append(rt.Tests, Test{Name: test.Name, Seconds: test.Took.Seconds(), Failure: info.Mask(test.Failure), Output: out})
	}
	rt.Stages = stagesOf(known, t.Build, info)
	return rt
}

func (rt *Target) fail(t *runner.TargetReport, info Info) {
	rt.Reason = info.Mask(t.Err.Error())
	var f *runner.Failure
	if !errors.As(t.Err, &f) {
		return
	}
	if f.Reason != "" {
		rt.Reason = f.Reason
	}
	rt.Failure = &Failure{
		Stage: f.Stage, Vertex: f.Vertex, Platform: f.Platform, Builder: f.Builder, Step: info.Mask(f.Step), File: f.File, Line: f.Line, Fault: f.Fault,
		Transient: f.Transient, LogFile: f.LogFile, Error: info.Mask(f.Err.Error()),
	}
	if f.ExitCode >= 0 {
		rt.Failure.ExitCode = &f.ExitCode
	}
	for _, l := range f.Excerpt {
		rt.Failure.Excerpt = append(rt.Failure.Excerpt, Line{Number: l.Number, Text: page.Short(info.Mask(l.Text)), Marked: l.Marked})
	}
	for _, l := range f.Log {
		rt.Failure.Log = append(rt.Failure.Log, info.Mask(l))
	}
}

// stagesOf lists the stages of a build that the builder reported.
func stagesOf(known map[*planner.Vertex]*runner.VertexReport, b *planner.Build, info Info) []Stage {
	var out []Stage
	seen := map[*planner.Vertex]bool{}
	var visit func(v *planner.Vertex)
	visit = func(v *planner.Vertex) {
		if seen[v] {
			return
		}
		seen[v] = true
		for _, in := range v.Inputs {
			visit(in.From)
		}
		if vr := known[v]; vr != nil {
			out = append(out, Stage{Vertex: v.ID, Name: info.Mask(v.Name), Run: vr.Steps.Run, Cached: vr.Steps.Cached})
		}
	}
	for _, v := range b.Stages {
		visit(v)
	}
	return out
}

// Target returns the target of that name, or nil.
func (rec *Record) Target(name string) *Target {
	for _, t := range rec.Targets {
		if t.Name == name {
			return t
		}
	}
	return nil
}

// check says whether this program can read the record.
func (rec *Record) check() error {
	if rec.Version != Version {
		return fmt.Errorf("the record has version %d, and this orch reads version %d", rec.Version, Version)
	}
	return nil
}
