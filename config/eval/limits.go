package eval

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/orch-build/orch/config/funcs"
	"github.com/orch-build/orch/schema"
)

// How large a definition may become. These end a wrong or hostile file in a
// message and not in the machine's memory.
const (
	// maxDepth is how deep references, and calls of functions, may be nested in
	// each other: evaluation calls itself for each.
	maxDepth = 2000
	// maxCalls is how many calls of functions a definition may make.
	maxCalls = 1_000_000
	// DefaultRounds is how many rounds the "for" expressions of a file may make
	// together; what functions and templates handle counts too.
	DefaultRounds = 500_000
	// maxLoopBytes is how much the heap may grow while they run.
	maxLoopBytes = 1 << 30
)

// TooMuch reports that a limit is reached.
func TooMuch(summary, detail string, at hcl.Range) *hcl.Diagnostic {
	d := &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: detail}
	if at.Filename != "" {
		d.Subject = at.Ptr()
	}
	return d
}

// TooDeep reports a chain of references that is longer than most.
func TooDeep(at hcl.Range, most int) *hcl.Diagnostic {
	return TooMuch("Nested too deeply", fmt.Sprintf("References lead from one to another more than %d times up to here.", most), at)
}

// tooLarge reports a value that has grown beyond funcs.MaxValue.
func tooLarge(v cty.Value, at hcl.Range) *hcl.Diagnostic {
	if schema.Lighter(v, funcs.MaxValue) >= 0 {
		return nil
	}
	return &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  "Value too large",
		Detail:   fmt.Sprintf("The value of this expression is larger than %d MiB.", funcs.MaxValue>>20),
		Subject:  at.Ptr(),
	}
}
