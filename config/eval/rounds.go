package eval

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/orch-build/orch/config/funcs"
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
				"The \"for\" expressions of the definition make more than %d rounds, or take more than %d MiB, with what functions and templates handle.",
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

// metered returns a function that is called only with what is not too large, and
// whose arguments and result count as rounds. It says what the function itself says
// of unknown values, nulls and types.
func (ev *Evaluator) metered(f function.Function) function.Function {
	spec := &function.Spec{
		// Asking for the type beforehand would do the work twice.
		Type: function.StaticReturnType(cty.DynamicPseudoType),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			left := funcs.MaxValue
			accepted := make([]cty.Value, len(args))
			for i, a := range args {
				if left = schema.Lighter(a, left); left < 0 {
					return cty.DynamicVal, fmt.Errorf("what it is given is larger than %d MiB", funcs.MaxValue>>20)
				}
				v, err := funcs.Accept(a, parameterAt(f, i).Type)
				if err != nil {
					return cty.DynamicVal, function.NewArgError(i, err)
				}
				accepted[i] = v
			}
			v, err := f.Call(accepted)
			if err != nil {
				return v, err
			}
			rest := schema.Lighter(v, funcs.MaxValue)
			if rest < 0 {
				return cty.DynamicVal, fmt.Errorf("the result is larger than %d MiB", funcs.MaxValue>>20)
			}
			if told := ev.rounds.Spent(); !ev.rounds.Weigh(2*funcs.MaxValue-left-rest) && !told {
				return cty.DynamicVal, errors.New("too much work")
			}
			return v, nil
		},
	}
	for _, p := range f.Params() {
		spec.Params = append(spec.Params, unlooked(p))
	}
	if p := f.VarParam(); p != nil {
		variadic := unlooked(*p)
		spec.VarParam = &variadic
	}
	return function.New(spec)
}

// parameterAt is the parameter of a function's argument.
func parameterAt(f function.Function, i int) function.Parameter {
	if params := f.Params(); i < len(params) {
		return params[i]
	}
	return *f.VarParam()
}

// unlooked is a parameter that takes everything that can be of its type, and a
// collection of some type before that is found out: see funcs.Accept.
func unlooked(p function.Parameter) function.Parameter {
	p.AllowNull, p.AllowUnknown, p.AllowDynamicType, p.AllowMarked = true, true, true, true
	if p.Type.IsCollectionType() && p.Type.ElementType() == cty.DynamicPseudoType {
		p.Type = cty.DynamicPseudoType
	}
	return p
}
