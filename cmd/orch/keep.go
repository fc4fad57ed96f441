package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/output"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/buildkit"
	"github.com/orch-build/orch/runner/embedded"
)

// keepEvery is the least time between two writes of the record of a run that
// goes on. The record is there for the run that is killed: what it says is
// done is done.
const keepEvery = time.Second

// keeper writes the record of a run to the state folder, again and again while
// the run goes on.
type keeper struct {
	kept    *runner.Kept // nil if nothing can be kept
	info    runner.RecordInfo
	digests map[*planner.Build]string // of definitions
	written time.Time
	behind  bool // something has changed since
}

// projectStore is where the records of the current folder's runs are kept.
func projectStore(e *env) (runner.Store, string, error) {
	state, err := embedded.DefaultStateDir(e.getenv)
	if err != nil {
		return runner.Store{}, "", err
	}
	project, err := os.Getwd()
	if err != nil {
		return runner.Store{}, "", err
	}
	return runner.ProjectStore(state, project), project, nil
}

// newKeeper begins to keep a run. Where nothing can be kept, the run goes on
// without.
func newKeeper(e *env, cfg *config.Config, mask *buildkit.Mask, earlier []*runner.RecordTarget) *keeper {
	k := &keeper{digests: map[*planner.Build]string{}}
	k.info = runner.RecordInfo{
		Orch: version, Args: withoutResume(e.args), Earlier: earlier, Mask: mask.Text,
		Definition: func(b *planner.Build) string { return k.definition(cfg, b) },
	}
	k.keepEnv(cfg)
	store, project, err := projectStore(e)
	k.info.Project = project
	if err != nil {
		return k
	}
	if k.kept, err = store.Begin(time.Now()); err != nil {
		fmt.Fprintf(e.stderr, "Warning: %v\n", err)
		return k
	}
	k.info.ID = k.kept.ID
	return k
}

// keepEnv notes what the definition took from the environment.
func (k *keeper) keepEnv(cfg *config.Config) {
	k.info.Env = map[string]string{}
	for _, v := range cfg.Environment() {
		if v.Sensitive {
			k.info.HiddenEnv = append(k.info.HiddenEnv, v.Name)
		} else {
			k.info.Env[v.Name] = v.Value
		}
	}
}

// logs is the folder for the output of steps, or "".
func (k *keeper) logs() string {
	if k.kept == nil {
		return ""
	}
	return k.kept.Logs
}

// changed writes the record down, if that was not done just now.
func (k *keeper) changed(r *runner.Report, _ *runner.TargetReport) {
	if k.kept == nil {
		return
	}
	if time.Since(k.written) < keepEvery {
		k.behind = true
		return
	}
	// The last write tells if this does not work.
	_ = k.write(r)
}

// settled writes down what was left out because the record had just been
// written.
func (k *keeper) settled(r *runner.Report) {
	if k.behind {
		_ = k.write(r)
	}
}

// write writes the record as it is now.
func (k *keeper) write(r *runner.Report) error {
	if k.kept == nil {
		return nil
	}
	data, err := json.Marshal(runner.NewRecord(r, k.info))
	if err != nil {
		return fmt.Errorf("writing the record of the run: %w", err)
	}
	k.written, k.behind = time.Now(), false
	return output.WriteFile(k.kept.Path(), append(data, '\n'), 0o600)
}

// definition is what definitionOf says, worked out once.
func (k *keeper) definition(cfg *config.Config, b *planner.Build) string {
	if _, ok := k.digests[b]; !ok {
		k.digests[b] = definitionOf(cfg, b)
	}
	return k.digests[b]
}

// encode is the record as the user gets it.
func (k *keeper) encode(r *runner.Report) ([]byte, error) {
	data, err := json.MarshalIndent(runner.NewRecord(r, k.info), "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the record of the run: %w", err)
	}
	return append(data, '\n'), nil
}

// definitionOf is a digest of everything that a definition says about a
// target: its stages, with the instructions and arguments that they have, and
// its attributes. The content of the files that it copies is no part of it.
func definitionOf(cfg *config.Config, b *planner.Build) string {
	var text bytes.Buffer
	for _, v := range b.Stages {
		text.WriteString(v.ID + "\n")
	}
	one := *cfg
	one.Targets, one.Groups = []*config.Target{b.Target}, nil
	if err := config.Print(&text, &one); err != nil {
		return ""
	}
	if !b.Policies.Empty() {
		policies, err := json.Marshal(b.Policies.Policies)
		if err != nil {
			return ""
		}
		text.Write(policies)
	}
	if len(b.Target.Tests) > 0 {
		tests, err := json.Marshal(b.Target.Tests)
		if err != nil {
			return ""
		}
		text.Write(tests)
	}
	sum := sha256.Sum256(text.Bytes())
	return "sha256:" + hex.EncodeToString(sum[:])
}
