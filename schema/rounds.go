package schema

import (
	"fmt"
	"reflect"
	"runtime/metrics"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// A "for" in a "for" in a "for" can take longer than anybody waits, and what goes
// around in it, or through a template, can double each time; HCL has no way to stop
// it. So each "for" gets a condition that is always true and counts the rounds, and
// each part of a template is weighed. The count is kept in the scope and not in the
// expression, so one file can be evaluated several times at once.

// Rounds is how many rounds of "for" expressions a scope has left, how much the
// heap of the process may grow meanwhile, and how large what goes around in them
// may be. It is for one goroutine.
type Rounds struct {
	Left    int
	Bytes   uint64
	Largest int

	before uint64 // the heap at the beginning
	full   bool
}

// heapMetric is the size of the objects in the heap.
const heapMetric = "/memory/classes/heap/objects:bytes"

// heapRounds is after how many rounds the heap is looked at.
const heapRounds = 16

// Spent reports whether nothing is left.
func (r *Rounds) Spent() bool { return r.Left < 0 || r.full }

// use takes a round.
func (r *Rounds) use() {
	if r.Left--; r.Left%heapRounds == 0 {
		r.look()
	}
	if r.Spent() {
		panic(TooManyRounds{})
	}
}

// look compares the heap with what it was.
func (r *Rounds) look() {
	sample := []metrics.Sample{{Name: heapMetric}}
	metrics.Read(sample)
	size := sample[0].Value.Uint64()
	if r.before == 0 {
		r.before = size
	}
	r.full = r.full || size > r.before+r.Bytes
}

// weightPerRound is the weight that takes about the time of a round.
const weightPerRound = 512

// Weigh takes the rounds for handling something of a weight, and reports whether
// there were enough.
func (r *Rounds) Weigh(weight int) bool {
	if rounds := weight / weightPerRound; rounds > 0 {
		r.Left -= rounds
		r.look()
	}
	return !r.Spent()
}

// elementWeight is what an element of a list or map weighs beside what is in it:
// a value takes that much memory at least.
const elementWeight = 16

// Lighter returns what is left of a budget after a value, which weighs the bytes of
// its texts and something for each element. It is negative if the value is heavier,
// and is found in a time that depends on the budget alone: a value of a few bytes of
// memory can have billions of elements, each of them the same.
func Lighter(v cty.Value, budget int) int {
	budget -= elementWeight
	if v == cty.NilVal || !v.IsKnown() || v.IsNull() || v.IsMarked() {
		return budget
	}
	switch t := v.Type(); {
	case t == cty.String:
		return budget - len(v.AsString())
	case t.IsCollectionType() || t.IsTupleType() || t.IsObjectType():
		for it := v.ElementIterator(); it.Next() && budget >= 0; {
			_, e := it.Element()
			budget = Lighter(e, budget)
		}
	}
	return budget
}

// TooManyRounds is what a "for" expression panics with, to leave HCL's
// evaluation, when the scope has no rounds left.
type TooManyRounds struct{}

// roundsName is a name that no expression can write.
const roundsName = "\x00rounds"

var roundsType = cty.Capsule("rounds", reflect.TypeFor[Rounds]())

// In makes the "for" expressions that are evaluated in a scope, and in scopes
// inside it, use up the rounds.
func (r *Rounds) In(scope *hcl.EvalContext) {
	scope.Variables[roundsName] = cty.CapsuleVal(roundsType, r)
}

// roundsOf finds them, nil if there are none.
func roundsOf(scope *hcl.EvalContext) *Rounds {
	for ; scope != nil; scope = scope.Parent() {
		if v, ok := scope.Variables[roundsName]; ok {
			return v.EncapsulatedValue().(*Rounds)
		}
	}
	return nil
}

// round is the condition that counts.
type round struct{ hclsyntax.LiteralValueExpr }

// Value counts one round, whose variables are those of the scope.
func (r *round) Value(scope *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	if rounds := roundsOf(scope); rounds != nil {
		rounds.use()
		for _, v := range scope.Variables {
			if Lighter(v, rounds.Largest) < 0 {
				return cty.DynamicVal, hcl.Diagnostics{tooHeavy(rounds.Largest, r.SrcRange)}
			}
		}
	}
	return cty.True, nil
}

// part is a part of a template.
type part struct{ hclsyntax.ParenthesesExpr }

// Value weighs what goes into the text.
func (p *part) Value(scope *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	v, diags := p.Expression.Value(scope)
	rounds := roundsOf(scope)
	if rounds == nil {
		return v, diags
	}
	if v.Type() != cty.String {
		rounds.use() // to write a number takes longer than a round
		return v, diags
	}
	if left := Lighter(v, rounds.Largest); left < 0 {
		return cty.DynamicVal, append(diags, tooHeavy(rounds.Largest, p.SrcRange))
	} else if !rounds.Weigh(rounds.Largest - left) {
		panic(TooManyRounds{})
	}
	return v, diags
}

// tooHeavy reports a value that is larger than what may be.
func tooHeavy(most int, at hcl.Range) *hcl.Diagnostic {
	return &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  "Value too large",
		Detail:   fmt.Sprintf("The value of this expression is larger than %d MiB.", most>>20),
		Subject:  at.Ptr(),
	}
}

// countRounds puts the condition into every "for" expression below a node, and the
// scales under every part of a template that is not written out.
func countRounds(node hclsyntax.Node) {
	_ = hclsyntax.VisitAll(node, func(n hclsyntax.Node) hcl.Diagnostics {
		switch n := n.(type) {
		case *hclsyntax.ForExpr:
			r := &round{hclsyntax.LiteralValueExpr{Val: cty.True, SrcRange: n.SrcRange}}
			if n.CondExpr == nil {
				n.CondExpr = r
			} else {
				n.CondExpr = &hclsyntax.BinaryOpExpr{LHS: r, Op: hclsyntax.OpLogicalAnd, RHS: n.CondExpr, SrcRange: n.CondExpr.Range()}
			}
		case *hclsyntax.TemplateExpr:
			for i, e := range n.Parts {
				switch e.(type) {
				case *hclsyntax.LiteralValueExpr, *part:
				default:
					n.Parts[i] = &part{hclsyntax.ParenthesesExpr{Expression: e, SrcRange: e.Range()}}
				}
			}
		}
		return nil
	})
}
