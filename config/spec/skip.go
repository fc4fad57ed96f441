package spec

import "time"

// Skip says under which conditions a target is not built because its image is
// there already.
type Skip struct {
	// Never builds in any case; a record is kept all the same, so that the next
	// run that skips does not go back to an older image.
	Never bool
	// MaxAge is how old the build of that image may be; 0 is any age.
	MaxAge time.Duration
	// Audit is how many of a hundred skipped targets are built all the same.
	Audit float64
	// Signed believes only records that are signed by the private key of Key,
	// a file.
	Signed bool
	Key    string
	// Full asks for all of an image that its tags point to already.
	Full bool
	// Lane is whose records are written; they are read together with Main's.
	Lane, Main string
	// Trusted is false if other lanes must not read what this run writes.
	Trusted bool
}
