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
	// Build evaluates one build and writes its outputs. Its inputs have been
	// built in the same session. It is called from several goroutines.
	//
	// An error of the build itself is a *Failure; once ctx has ended, the
	// error is that of ctx.
	Build(ctx context.Context, build *planner.Build) (*Result, error)
	// Close ends the run. It writes the cache that several targets share, if
	// ok is true. Caches that could not be read or written are CacheFaults.
	Close(ctx context.Context, ok bool) error
	// Builder says where the run took place, such as "embedded" or an
	// address.
	Builder() string
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

// Failure is a build that failed, with all that is known about where and why.
// Every field but Err may be empty.
type Failure struct {
	Target string
	// Stage is the stage that failed.
	Stage string
	// Step is the step as the builder names it.
	Step string
	// File and Line are where the step is written; Line counts from 1.
	File string
	Line int
	// Excerpt is the part of the file around Line.
	Excerpt []ExcerptLine
	// Log is the end of the step's output.
	Log []string
	// ExitCode is the exit code of the step's process, or -1.
	ExitCode int
	// Err is the error itself.
	Err error
}

// ExcerptLine is one line of a file.
type ExcerptLine struct {
	Number int
	Text   string
	Marked bool // part of the failed instruction
}

func (f *Failure) Error() string { return f.Err.Error() }
func (f *Failure) Unwrap() error { return f.Err }
