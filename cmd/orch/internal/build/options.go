package build

import (
	"context"

	"github.com/orch-build/orch/cmd/orch/internal/machine"
	"github.com/orch-build/orch/cmd/orch/internal/site"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner/record"
)

// Options say how a resolved definition is built.
type Options struct {
	Builder      *machine.BuilderFlags
	Open         site.Opener // nil is for a builder
	Progress     string
	Jobs         int // 0 is by the builder's size
	KeepGoing    bool
	DeferOutput  bool
	Retries      int
	MetadataFile string
	ResultFile   string
	ReportFile   string
	JunitFile    string
	PullFrontend bool
	Explain      bool
	// Verbose shows every target at the end of the run.
	Verbose bool
	// Frozen is what --frozen says; nil is nothing.
	Frozen *bool
	// StrictContext makes changes of a context while it is read an error.
	StrictContext bool
	// Debug asks for notes on what orch does.
	Debug   bool
	Publish string
	// Begins is called before a build aside, once its builder is there; nil is nothing.
	Begins func()
	// Narrow resolves the definition for some of its targets; nil if nothing
	// can be skipped.
	Narrow func(ctx context.Context, targets []string) (*config.Config, error)
	// Earlier are the targets that an earlier run has built.
	Earlier []*record.Target
	// Shard says what part of a plan of shards the run is; nil for a whole one.
	Shard *record.Shard
	// Parts says what such a run leaves out of its targets; nil where all is built.
	Parts *Parts
}

// Parts say how the targets of a shard are built for some of their platforms.
type Parts struct {
	// Whole is the definition of the targets with all platforms, as it is recorded
	// and skipped.
	Whole *config.Config
	// Take returns what is built of a definition of some of them; plan is that of
	// Whole.
	Take func(some *config.Config, plan *planner.Plan) *config.Config
	// Platforms are those that are built of a target; none are all.
	Platforms func(target string) []string
}

// wantsMetadata is the file of the metadata, or for a shard the result that holds
// them for the merge.
func (o *Options) wantsMetadata() string {
	if o.Shard != nil {
		return o.ResultFile
	}
	return o.MetadataFile
}

// Shown reports whether there is more on the screen than failures.
func (o *Options) Shown() bool {
	return o.Progress != "quiet" && o.Progress != "none" && o.Progress != "rawjson"
}
