package config

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// A "for" in a "for" in a "for" can take longer than anybody waits, and HCL
// has no way to stop it. So each gets a condition that is always true and
// counts the rounds.

// round is such a condition.
type round struct {
	hclsyntax.LiteralValueExpr
	ev *evaluator
}

// tooManyRounds is what a round panics with to leave HCL's evaluation; value
// recovers it.
type tooManyRounds struct{}

// Value counts one round.
func (r *round) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	if r.ev.rounds++; r.ev.rounds > maxRounds {
		panic(tooManyRounds{})
	}
	return cty.True, nil
}

// value works an expression out, but not for ever.
func (ev *evaluator) value(expr hcl.Expression, scope *hcl.EvalContext) (v cty.Value, diags hcl.Diagnostics) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case tooManyRounds:
			v, diags = cty.DynamicVal, hcl.Diagnostics{tooMuch("Too much work", fmt.Sprintf(
				"The \"for\" expressions of the definition make more than %d rounds.", maxRounds), expr.Range())}
		default:
			panic(r)
		}
	}()
	return expr.Value(scope)
}

// count puts the condition into the "for" expressions of an expression.
func (ev *evaluator) count(expr hcl.Expression) {
	node, ok := expr.(hclsyntax.Node)
	if !ok {
		return
	}
	_ = hclsyntax.VisitAll(node, func(n hclsyntax.Node) hcl.Diagnostics {
		f, ok := n.(*hclsyntax.ForExpr)
		if !ok {
			return nil
		}
		r := &round{LiteralValueExpr: hclsyntax.LiteralValueExpr{Val: cty.True, SrcRange: f.SrcRange}, ev: ev}
		switch old := f.CondExpr.(type) {
		case nil:
			f.CondExpr = r
		case *round:
			old.ev = ev
		case *hclsyntax.BinaryOpExpr:
			if counted, ok := old.LHS.(*round); ok {
				counted.ev = ev
				return nil
			}
			f.CondExpr = counted(r, old)
		default:
			f.CondExpr = counted(r, old)
		}
		return nil
	})
}

// counted joins a round with the condition that a "for" has.
func counted(r *round, cond hclsyntax.Expression) hclsyntax.Expression {
	return &hclsyntax.BinaryOpExpr{LHS: r, Op: hclsyntax.OpLogicalAnd, RHS: cond, SrcRange: cond.Range()}
}
