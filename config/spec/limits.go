package spec

// Limits say how a target is scheduled, and when it is tried again. They are
// attributes of build.hcl only, and bake's JSON does not have them.
type Limits struct {
	// Weight is how many places of the builder's capacity the target takes;
	// 0 is as 1.
	Weight int
	// Exclusive targets are built while no other is.
	Exclusive bool
	// Retry is how many times a failed step is tried again.
	Retry int
}

const (
	// MaxWeight is the largest weight of a target.
	MaxWeight = 1000
	// MaxRetry is the largest number of retries of a target.
	MaxRetry = 10
)
