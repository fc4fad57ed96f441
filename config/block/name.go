package block

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config/funcs"
)

// CheckName reports a name that no target or group may have.
func CheckName(name string, at hcl.Range) *hcl.Diagnostic {
	ok := name != ""
	for _, r := range name {
		ok = ok && funcs.NameRune(r)
	}
	if ok {
		return nil
	}
	return &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  "Invalid name",
		Detail:   fmt.Sprintf("%q cannot be a name: it may have letters, digits, \"_\" and \"-\".", name),
		Subject:  at.Ptr(),
	}
}

// Twice reports a name that is used already, and says where.
func Twice(summary, what string, at, earlier hcl.Range) *hcl.Diagnostic {
	return &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  summary,
		Detail: fmt.Sprintf("%s is also at %s:%d:%d. Give one of them another name.",
			what, earlier.Filename, earlier.Start.Line, earlier.Start.Column),
		Subject: at.Ptr(),
	}
}
