package schema

import (
	"reflect"
	"runtime/metrics"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// A "for" in a "for" in a "for" can take longer than anybody waits, and HCL
// has no way to stop it. So each gets a condition that is always true and
// counts the rounds. The count is kept in the scope and not in the
// expression, so one file can be evaluated several times at once.

// Rounds is how many rounds of "for" expressions a scope has left, and how
// much the heap of the process may grow meanwhile. It is for one goroutine.
type Rounds struct {
	Left  int
	Bytes uint64

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
		sample := []metrics.Sample{{Name: heapMetric}}
		metrics.Read(sample)
		size := sample[0].Value.Uint64()
		if r.before == 0 {
			r.before = size
		}
		r.full = r.full || size > r.before+r.Bytes
	}
	if r.Spent() {
		panic(TooManyRounds{})
	}
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

// round is the condition that counts.
type round struct{ hclsyntax.LiteralValueExpr }

// Value counts one round.
func (r *round) Value(scope *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	for ; scope != nil; scope = scope.Parent() {
		v, ok := scope.Variables[roundsName]
		if !ok {
			continue
		}
		v.EncapsulatedValue().(*Rounds).use()
		break
	}
	return cty.True, nil
}

// countRounds puts the condition into every "for" expression below a node.
func countRounds(node hclsyntax.Node) {
	_ = hclsyntax.VisitAll(node, func(n hclsyntax.Node) hcl.Diagnostics {
		f, ok := n.(*hclsyntax.ForExpr)
		if !ok {
			return nil
		}
		r := &round{hclsyntax.LiteralValueExpr{Val: cty.True, SrcRange: f.SrcRange}}
		if f.CondExpr == nil {
			f.CondExpr = r
			return nil
		}
		f.CondExpr = &hclsyntax.BinaryOpExpr{LHS: r, Op: hclsyntax.OpLogicalAnd, RHS: f.CondExpr, SrcRange: f.CondExpr.Range()}
		return nil
	})
}
