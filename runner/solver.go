package runner

import (
	"context"
	"encoding/json"
	"time"

	"github.com/orch-build/orch/planner"
)

// Solver opens sessions on a builder. Here the process is left.
type Solver interface {
	// Open begins a run of the plan. The session that it returns has to be
	// closed, whatever happens in the run.
	//
	// send is called with what happens in the session, also before Open
	// returns. It returns at once and may be called from any goroutine, until
	// Close returns.
	Open(ctx context.Context, plan *planner.Plan, send func(Event)) (Session, error)
}

// Session is one run on one builder.
type Session interface {
	// Build evaluates one build and writes its outputs. The stages of its
	// inputs have been built in the same session. It is called from several
	// goroutines.
	//
	// An error of the build itself is a *Failure; once ctx has ended, the
	// error is ctx's.
	Build(ctx context.Context, build *planner.Build, opt BuildOptions) (*Result, error)
	// Close ends the run. It writes the cache that several targets share, if
	// all were built. Caches that could not be read or written are CacheFaults.
	Close(ctx context.Context, how Ending) error
	// Builder names the builder, such as "embedded" or an address.
	Builder() string
}

// Ending is how a run ends.
type Ending bool

const (
	// Incomplete is the end of a run that failed or was interrupted.
	Incomplete Ending = false
	// Complete is the end of a run that has built everything.
	Complete Ending = true
)

// BuildOptions say how a build is run.
type BuildOptions struct {
	// Evaluated is called when the stages are done. The outputs are written
	// when it returns, unless with an error, which is then the build's.
	Evaluated func(context.Context) error
	// NoExport leaves out the outputs: they were written in an earlier
	// session, and only the result is needed.
	NoExport bool
}

// Result is the result of a build.
type Result struct {
	// Digest is the digest of the image's manifest or index, or "" if no
	// image was exported.
	Digest string
	// Outputs says where the result went.
	Outputs []Output
	// Steps counts the steps of the build's stages. It is known when the
	// session is over, and so are the sizes.
	Steps Steps
	// ImageSize is the size of the image's file systems, unpacked, in bytes;
	// 0 if it is not known. With several platforms it is the first one's.
	ImageSize int64
	// BuildStage names the largest stage that the final stage copies from, and
	// BuildStageSize is its size, unpacked, in bytes; 0 if it is not known.
	BuildStage     string
	BuildStageSize int64
	// Evaluated is how long the stages took, Exported how long the outputs.
	Evaluated time.Duration
	Exported  time.Duration
	// Metadata is what the builder said of the exported result, by the names
	// that bake's metadata file has.
	Metadata map[string]any
	// Unpublished are the tags that are to point to the image once the whole
	// run is good.
	Unpublished []Tag
	// Tests are the results of the tests that were run in the image.
	Tests []TestResult
	// Skipped says which build the target is equal to that took the place of
	// this one; nil if it was built.
	Skipped *Skipped
	// Pending is what the record needs by which later runs skip the target, in a run
	// whose tags move later; see package skip.
	Pending json.RawMessage
	// Builders names the builders that built it, where a run has several.
	Builders []string
}

// Skipped is a build that was found to be equal to what a target is now.
type Skipped struct {
	// Run is the run that it was part of, and Built is when that was.
	Run   string    `json:"run,omitempty"`
	Built time.Time `json:"built"`
	// Record is where the record of it is, "" for this machine.
	Record string `json:"record,omitempty"`
}

// TestResult is the result of one test.
type TestResult struct {
	Name string
	Took time.Duration
	// Failure is why the test failed, or "".
	Failure string
	// Output is the end of what the command printed.
	Output []string
}

// Tag is a name with a tag, and the digest that it is to point to.
type Tag struct {
	Name   string `json:"name"`
	Digest string `json:"digest"`
	// Insecure allows plain HTTP and unknown certificates.
	Insecure bool `json:"insecure,omitempty"`
}

// Output is one place that a result went to.
type Output struct {
	// Type is the exporter: oci, docker, image, registry, local, tar.
	Type string
	// Where is a path or the names of an image.
	Where string
	// Job is the job of a CI service that has it; "" if this one has.
	Job string
	// Size is the size of a written file in bytes; 0 if it is not known.
	Size int64
}

// Steps counts steps by what had to be done for them.
type Steps struct {
	Run    int // steps that were run
	Cached int // steps whose result was there already
}
