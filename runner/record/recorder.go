package record

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/fault"
	"github.com/orch-build/orch/internal/output"
	"github.com/orch-build/orch/internal/page"
	"github.com/orch-build/orch/internal/statedir"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/print"
	"github.com/orch-build/orch/runner"
)

// keepEvery is the least time between two writes of the record of a run that
// goes on. The record is there for the run that is killed: what it says is
// done is done.
const keepEvery = time.Second

// Recorder writes the record of a run to the state folder, again and again while
// the run goes on.
type Recorder struct {
	kept    *RunDir // nil if nothing can be kept
	info    Info
	digests map[*planner.Build]string // of definitions
	written time.Time
	planned chan error // the error of writing the plan; nil before it is written
}

// Project returns where the records of the current folder's runs are kept, and
// that folder.
func Project(getenv func(string) string) (Store, string, error) {
	state, err := statedir.Default(getenv)
	if err != nil {
		return Store{}, "", err
	}
	project, err := os.Getwd()
	if err != nil {
		return Store{}, "", err
	}
	return ProjectStore(state, project), project, nil
}

// Nearest is like Project, but where no run of the current folder is kept, it is the
// nearest one above it that has some, up to the top of the repository: a run is
// looked for from anywhere in its project.
func Nearest(getenv func(string) string) (Store, string, error) {
	here, dir, err := Project(getenv)
	if err != nil {
		return here, dir, err
	}
	state, err := statedir.Default(getenv)
	if err != nil {
		return here, dir, err
	}
	for up := dir; ; up = filepath.Dir(up) {
		store := ProjectStore(state, up)
		if store.kept() {
			return store, up, nil
		}
		if _, err := os.Lstat(filepath.Join(up, ".git")); err == nil || filepath.Dir(up) == up {
			return here, dir, nil
		}
	}
}

// Options say what a run is that is recorded.
type Options struct {
	Version string
	// Args is the command line, without --resume.
	Args   []string
	Config *config.Config
	// Earlier are the targets that an earlier run has built.
	Earlier []*Target
	// Shard says what part of a plan of shards the run is; nil for a whole one.
	Shard *Shard
	// Mask takes the secrets out of a text.
	Mask   func(string) string
	Getenv func(name string) string
}

// Begin begins to record a run. Where nothing can be kept, the error says why, and
// the recorder still encodes.
func Begin(opt Options) (*Recorder, error) {
	r := Unkept(opt)
	store, project, err := Project(opt.Getenv)
	r.info.Project = project
	if err != nil {
		return r, nil // without a state folder nobody expects a record
	}
	if r.kept, err = store.Begin(time.Now()); err != nil {
		return r, err
	}
	r.info.ID = r.kept.ID
	return r, nil
}

// ID names the run; "" if it is not recorded.
func (r *Recorder) ID() string { return r.info.ID }

// Unkept is a recorder that only encodes: of a run that is not worth a record.
func Unkept(opt Options) *Recorder {
	r := &Recorder{digests: map[*planner.Build]string{}}
	r.info = Info{
		Orch: opt.Version, Args: opt.Args, Earlier: opt.Earlier, Shard: opt.Shard, Mask: opt.Mask,
		Definition: func(b *planner.Build) string { return r.definition(b) },
	}
	r.keepEnv(opt.Config)
	return r
}

// Kept says whether the run is recorded, so that it can be resumed.
func (r *Recorder) Kept() bool { return r.kept != nil }

// keepEnv notes what the definition took from the environment.
func (r *Recorder) keepEnv(cfg *config.Config) {
	r.info.Env = map[string]string{}
	for _, v := range cfg.Environment() {
		if v.Sensitive {
			r.info.HiddenEnv = append(r.info.HiddenEnv, v.Name)
		} else {
			r.info.Env[v.Name] = v.Value
		}
	}
}

// Explained has the record say what targets were made of, and why they were
// built.
func (r *Recorder) Explained(inputs func(target string) (*Inputs, []string)) {
	r.info.Inputs = inputs
}

// Dir is the folder of the run, or "".
func (r *Recorder) Dir() string {
	if r.kept == nil {
		return ""
	}
	return r.kept.Dir
}

// Logs is the folder for the output of steps, or "".
func (r *Recorder) Logs() string {
	if r.kept == nil {
		return ""
	}
	return r.kept.Logs
}

// Changed writes the record down, if that was not done just now.
func (r *Recorder) Changed(run *runner.Report, _ *runner.TargetReport) {
	if r.kept == nil {
		return
	}
	if time.Since(r.written) < keepEvery {
		return // Settled writes it
	}
	// The last write tells if this does not work.
	_ = r.Write(run)
}

// Settled writes down what was left out because the record had just been written,
// and the steps that run now.
func (r *Recorder) Settled(run *runner.Report) { _ = r.Write(run) }

// Write writes the record as it is now.
func (r *Recorder) Write(run *runner.Report) error {
	if r.kept == nil {
		return nil
	}
	data, err := json.Marshal(New(run, r.info))
	if err != nil {
		return fmt.Errorf("writing the record of the run: %w", err)
	}
	r.written = time.Now()
	planned := r.keepPlan(run)
	return errors.Join(planned, output.WriteFile(r.kept.Path(), append(data, '\n'), 0o600))
}

// definition is what definitionOf says, computed once.
func (r *Recorder) definition(b *planner.Build) string {
	if _, ok := r.digests[b]; !ok {
		r.digests[b] = definitionOf(b)
	}
	return r.digests[b]
}

// WriteResult writes the record of the run where the user wants it.
func (r *Recorder) WriteResult(path string, run *runner.Report) error {
	return WriteResult(path, New(run, r.info))
}

// WritePage writes the page of the run.
func (r *Recorder) WritePage(path string, run *runner.Report) error {
	b := Beside{Plan: r.planPage(run)}
	if r.kept != nil {
		b.Kept = Kept{ID: r.kept.ID, Dir: r.kept.Dir}
	}
	return WritePage(path, New(run, r.info), b)
}

// planPage is the plan of a run for its page.
func (r *Recorder) planPage(run *runner.Report) *page.Data {
	return print.PageData(run.Plan, print.Options{Mask: r.info.Mask})
}

// keepPlan writes down the plan, once and beside the run, which need not wait for
// it until it ends.
func (r *Recorder) keepPlan(run *runner.Report) error {
	if r.planned == nil {
		r.planned = make(chan error, 1)
		go func() { r.planned <- savePlan(r.kept.Dir, r.planPage(run)) }()
	}
	if run.Finished.IsZero() {
		return nil
	}
	err := <-r.planned
	r.planned <- err
	return err
}

// WriteResult writes a record as a file.
func WriteResult(path string, rec *Record) error {
	data, err := json.MarshalIndent(rec, "", "  ")
	if err == nil {
		err = output.WriteFile(path, append(termtext.JSON(data), '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("writing result file: %w", err)
	}
	return nil
}

// definitionOf is a digest of everything that a definition says about a
// target: its stages, with the instructions and arguments that they have, and
// its attributes but for those that only say where they are written, what they
// are for, and when the target is built. The content of the files that it copies
// is not part of it.
func definitionOf(b *planner.Build) string {
	t := *b.Target
	t.Ranges, t.Shared, t.Volatile, t.Overridden = nil, nil, nil, nil
	t.Range = fault.Range{}
	t.Description, t.Traits, t.Part, t.Template = "", nil, false, false
	t.Skip, t.Limits = nil, config.Limits{}
	if p := b.Policies; !p.Empty() {
		t.Policy = nil // those that were found say more
	}
	about := struct {
		Stages   []string
		Target   config.Target
		Policies any
	}{Target: t}
	for _, v := range b.Stages {
		about.Stages = append(about.Stages, v.ID)
	}
	if !b.Policies.Empty() {
		about.Policies = b.Policies.Policies
	}
	data, err := json.Marshal(about)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}
