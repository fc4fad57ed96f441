package eval

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/orch-build/orch/schema"
)

// value evaluates an expression, but not for ever: see schema.Rounds.
func (ev *Evaluator) value(expr hcl.Expression, scope *hcl.EvalContext) (v cty.Value, diags hcl.Diagnostics) {
	before := ev.rounds.Spent() // and reported
	defer func() {
		r := recover()
		if _, spent := r.(schema.TooManyRounds); r != nil && !spent {
			panic(r)
		}
		// A function such as try() recovers the panic itself.
		if r != nil || ev.rounds.Spent() && !before {
			v, diags = cty.DynamicVal, hcl.Diagnostics{TooMuch("Too much work", fmt.Sprintf(
				"The \"for\" expressions of the definition make more than %d rounds, or take more than %d MiB.",
				cmp.Or(ev.in.Rounds, DefaultRounds), maxLoopBytes>>20), expr.Range())}
		}
	}()
	return expr.Value(scope)
}

// elementsPerRound is how many elements that a function makes take the time of
// a round.
const elementsPerRound = 4

// counted returns a function that makes lists, of which the elements count as
// rounds.
func (ev *Evaluator) counted(f function.Function) function.Function {
	return function.New(&function.Spec{
		Params:   f.Params(),
		VarParam: f.VarParam(),
		Type:     f.ReturnTypeForValues,
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			v, err := f.Call(args)
			if err == nil && v.IsKnown() {
				ev.rounds.Left -= v.LengthInt() / elementsPerRound
			}
			if ev.rounds.Spent() {
				return cty.DynamicVal, errors.New("too much work")
			}
			return v, err
		},
	})
}
