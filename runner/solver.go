package runner

import (
	"context"
	"time"

	"github.com/orch-build/orch/planner"
)

// Solver opens sessions on a builder. It is the place where the process is
// left.
type Solver interface {
	// Open begins a run of the plan. The session that it returns has to be
	// closed, whatever becomes of the run.
	Open(ctx context.Context, plan *planner.Plan) (Session, error)
}

// Session is one run on one builder.
type Session interface {
	// Watch has f called when the builder begins and ends work on a vertex of the
	// plan. It is called once, before the first Build; f returns at once and may
	// be called from any goroutine.
	Watch(f func(Activity))
	// Build evaluates one build and writes its outputs. The stages of its
	// inputs have been built in the same session. It is called from several
	// goroutines.
	//
	// An error of the build itself is a *Failure; once ctx has ended, the
	// error is that of ctx.
	Build(ctx context.Context, build *planner.Build, how How) (*Result, error)
	// Close ends the run. It writes the cache that several targets share, if
	// ok is true. Caches that could not be read or written are CacheFaults.
	Close(ctx context.Context, ok bool) error
	// Builder says where the run took place, such as "embedded" or an
	// address.
	Builder() string
	// Account adds what the builder reported to the report of the run. It is
	// called once, after Close.
	Account(report *Report)
}

// Activity is something that the builder does for a vertex of the plan.
type Activity struct {
	Vertex *planner.Vertex
	What   What
	// Run is true of a RUN step, which is what takes a builder's cores and
	// memory.
	Run bool
}

// What is what an Activity is about.
type What int

const (
	// StepBegun is that a step really runs, because it has no result yet.
	StepBegun What = iota
	// StepEnded is the end of such a step, good or bad.
	StepEnded
	// VertexDone is that all of the vertex has its result.
	VertexDone
)

// How says how a build is carried out.
type How struct {
	// Evaluated is called when the stages are done. The outputs are written
	// when it returns, unless with an error, which is then that of the build.
	Evaluated func(context.Context) error
	// NoExport leaves out the outputs: they were written in an earlier
	// session, and only the result is needed.
	NoExport bool
}

// Result is what a build came to.
type Result struct {
	// Digest is the digest of the image's manifest or index, or "" if no
	// image was exported.
	Digest string
	// Outputs says where the result went.
	Outputs []Output
	// Steps counts the steps of the build's stages.
	Steps Steps
	// ImageSize is the size of the image's file systems, unpacked, in bytes;
	// 0 if it is not known. With several platforms it is the first one's.
	ImageSize int64
	// BuiltIn names the largest stage that the final stage copies from, and
	// BuiltInSize is its size, unpacked, in bytes; 0 if it is not known.
	BuiltIn     string
	BuiltInSize int64
	// Evaluated is how long the stages took, Exported how long the outputs.
	Evaluated time.Duration
	Exported  time.Duration
	// Metadata is what the builder said of the exported result, by the names
	// that the peer's metadata file has.
	Metadata map[string]any
	// Unpublished are the tags that are to point to the image once the whole
	// run is good.
	Unpublished []Tag
	// Tests are what became of the tests that were run in the image.
	Tests []TestResult
}

// TestResult is what became of one test.
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
	// Size is the size of a written file in bytes; 0 if it is not known.
	Size int64
}

// Steps counts steps by what became of them.
type Steps struct {
	Run    int // steps that were carried out
	Cached int // steps whose result was there already
}
