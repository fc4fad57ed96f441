package sharding

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/orch-build/orch/cmd/orch/internal/build"
	"github.com/orch-build/orch/internal/registry"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/skip"
)

// ready lists the builds whose records can be written once their tags have moved. It
// has to be called before that: afterwards nobody knows where the tags were to go.
func (m *mergeRun) ready() []skip.Ready {
	var out []skip.Ready
	for _, t := range m.merged.Report.Targets {
		if t.State != runner.Done || len(t.Result.Unpublished) == 0 {
			continue
		}
		said := m.merged.Pending(t.Name())
		if len(said) == 0 {
			continue
		}
		one, err := readyOf(t, said)
		if err != nil {
			m.Notices.Warn(fmt.Sprintf("no record of the build of %s is kept, so that it cannot be skipped: %v", t.Name(), err))
			continue
		}
		out = append(out, *one)
	}
	return out
}

// readyOf is what the record of a target needs; said is what its shards say.
func readyOf(t *runner.TargetReport, said []json.RawMessage) (*skip.Ready, error) {
	var parts []*skip.Pending
	for _, text := range said {
		one, err := skip.DecodePending(text)
		if err != nil {
			return nil, err
		}
		parts = append(parts, one)
	}
	whole, err := skip.Join(parts)
	if err != nil {
		return nil, err
	}
	out := &skip.Ready{Name: t.Name(), Pending: whole, Digest: t.Result.Unpublished[0].Digest}
	for _, tag := range t.Result.Unpublished {
		ref, err := registry.Name{Text: tag.Name, Insecure: tag.Insecure}.Parse()
		if err != nil {
			return nil, err
		}
		if !slices.Contains(out.Repos, ref.Repo) {
			out.Repos = append(out.Repos, ref.Repo)
		}
	}
	return out, nil
}

// keepRecords writes the records of what the shards have built, by which later runs
// skip it.
func (m *mergeRun) keepRecords(ctx context.Context, ready []skip.Ready) {
	if len(ready) == 0 {
		return
	}
	s := build.NewSkipper(m.Session)
	var err error
	if s.Key, err = skip.ReadSigningKey(m.Getenv(skip.KeyVariable)); err != nil {
		m.Notices.Warn(fmt.Sprintf("no records of the builds are kept, so that they cannot be skipped: %v", err))
		return
	}
	s.Keep(ctx, ready)
}
