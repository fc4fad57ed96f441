package config

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/orch-build/orch/schema"
	"github.com/zclconf/go-cty/cty"
)

// value works an expression out, but not for ever: see schema.Rounds.
func (ev *evaluator) value(expr hcl.Expression, scope *hcl.EvalContext) (v cty.Value, diags hcl.Diagnostics) {
	defer func() {
		r := recover()
		if _, spent := r.(schema.TooManyRounds); r != nil && !spent {
			panic(r)
		}
		// A function such as try() recovers the panic itself.
		if ev.rounds.Left < 0 {
			v, diags = cty.DynamicVal, hcl.Diagnostics{tooMuch("Too much work", fmt.Sprintf(
				"The \"for\" expressions of the definition make more than %d rounds.", maxRounds), expr.Range())}
		}
	}()
	return expr.Value(scope)
}
