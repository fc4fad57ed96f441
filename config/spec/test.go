package spec

import (
	"time"

	"github.com/hashicorp/hcl/v2"
)

// Test is a command that is run in the image of a target, before the image
// goes anywhere.
type Test struct {
	Name    string
	Run     []string
	Env     map[string]string
	Timeout time.Duration
	// ExitCode is what the command has to end with.
	ExitCode int
	// Output is a regular expression that the command's output has to match;
	// "" is none.
	Output string
	Range  hcl.Range `json:"-"`
}
