package eval

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/internal/suggest"
)

// explainCalls replaces an error about the call of a function that the files
// declare: it reports what is wrong inside the function, and where it was called.
// A function that panicked is reported without the stack.
func explainCalls(diags hcl.Diagnostics) {
	for _, d := range diags {
		extra, ok := hcl.DiagnosticExtra[hclsyntax.FunctionCallDiagExtra](d)
		if !ok {
			continue
		}
		if errors.As(extra.FunctionCallError(), &function.PanicError{}) {
			d.Summary = "Error in function call"
			d.Detail = fmt.Sprintf("%s() cannot work with these arguments.", extra.CalledFunctionName())
			continue
		}
		var inner hcl.Diagnostics
		if !errors.As(extra.FunctionCallError(), &inner) || !inner.HasErrors() {
			continue
		}
		why := inner.Errs()[0].(*hcl.Diagnostic)
		call := fmt.Sprintf("%s(), called", extra.CalledFunctionName())
		if d.Subject != nil {
			call += fmt.Sprintf(" at %s:%d:%d", d.Subject.Filename, d.Subject.Start.Line, d.Subject.Start.Column)
		}
		*d = hcl.Diagnostic{
			Severity: hcl.DiagError,
			Summary:  why.Summary,
			Detail:   strings.TrimSpace(why.Detail) + "\nThis is in " + call + ".",
			Subject:  why.Subject,
			Context:  why.Context,
		}
	}
}

// explainUnknown offers for the name of a function that does not exist the
// one that is most like it. HCL offers any that is like it.
func (ev *Evaluator) explainUnknown(diags hcl.Diagnostics) {
	for _, d := range diags {
		if d.Summary != "Call to unknown function" {
			continue
		}
		if _, rest, ok := strings.Cut(d.Detail, `function named "`); ok {
			name, _, _ := strings.Cut(rest, `"`)
			d.Detail = fmt.Sprintf("There is no function named %q.%s", name, suggest.Sentence(name, attribute.SortedKeys(ev.root.Functions)))
		}
	}
}
