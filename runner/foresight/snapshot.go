package foresight

import (
	"context"
	"encoding/json"
	"os"
	"time"

	"github.com/containerd/platforms"

	"github.com/orch-build/orch/internal/gitfact"
	"github.com/orch-build/orch/internal/mask"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/digest"
	"github.com/orch-build/orch/planner/facts"
	"github.com/orch-build/orch/planner/inputs"
	"github.com/orch-build/orch/runner/predict"
)

// Source is what a snapshot is taken of.
type Source struct {
	Plan *planner.Plan
	// Digests say how digests are made; its memory is used for reading too.
	Digests digest.Options
	// Hide takes sensitive values out of texts.
	Hide *mask.Mask
	// State is orch's state folder.
	State string
}

// Snapshot is what targets are made of now, with what is needed to look again.
type Snapshot struct {
	// Facts are what was written down; nil before Take.
	Facts *facts.Snapshot
	// Options say how.
	Options facts.Options

	plan    *planner.Plan
	reads   *inputs.Reads
	digests digest.Options
}

// New prepares a snapshot: it reads what the contexts hold.
func New(src Source) (*Snapshot, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	commit := ""
	if sha, err := gitfact.Read(".", "sha"); err == nil {
		commit, _ = sha.(string)
	}
	return &Snapshot{
		plan: src.Plan, digests: src.Digests,
		reads: inputs.Contexts(src.Plan, inputs.Options{Memory: src.Digests.Memory, Now: time.Now()}),
		Options: facts.Options{
			Dir: dir, Engine: digest.Engine(), Platform: platforms.FormatAll(src.Plan.Platform), Commit: commit, Now: time.Now(),
			Key: predict.Key(src.State), Mask: src.Hide.Text,
			Sensitive: func(_, value string) bool { return src.Hide.Text(value) != value },
		},
	}, nil
}

// Take writes down what the targets are made of. Files that were read before are
// not read again.
func (s *Snapshot) Take(ctx context.Context) error {
	all, err := digest.Compute(ctx, s.plan, s.reads, s.digests)
	if err != nil {
		return err
	}
	s.Facts = facts.Take(s.plan, all, func(ref, _ string) time.Time {
		img, err := s.digests.Images.Image(ctx, ref, s.plan.Platform)
		if err != nil {
			return time.Time{}
		}
		return created(img.Config)
	}, s.Options)
	return nil
}

// created reads when an image was made out of its configuration.
func created(config []byte) time.Time {
	var c struct{ Created time.Time }
	if json.Unmarshal(config, &c) != nil {
		return time.Time{}
	}
	return c.Created
}
