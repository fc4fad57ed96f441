package eval

import (
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/config/trail"
	"github.com/orch-build/orch/internal/suggest"
	"github.com/orch-build/orch/schema"
)

// userFunction is a function block.
type userFunction struct {
	name     string
	block    *schema.Function
	params   []string
	variadic string // "" if there is none
	result   hcl.Expression
}

// declareFunctions enters the function blocks of the files and checks them.
func (ev *Evaluator) declareFunctions(files []*schema.File) hcl.Diagnostics {
	var diags hcl.Diagnostics
	standard := ev.in.Functions()
	for _, f := range files {
		for _, b := range f.Functions {
			if _, ok := standard[b.Label]; ok {
				diags = append(diags, ignored(b.Block, fmt.Sprintf("%s is a function of the language and cannot be replaced.", b.Label)))
				continue
			}
			fn, more := readFunction(b)
			diags = append(diags, more...)
			if fn != nil {
				ev.funcs[b.Label] = fn
			}
		}
	}
	standard["range"] = ev.counted(standard["range"])
	for name, f := range ev.funcs {
		standard[name] = f.function(ev)
	}
	for name, f := range standard {
		standard[name] = ev.metered(f)
	}
	ev.root.Functions = standard
	for _, name := range attribute.SortedKeys(ev.funcs) {
		diags = append(diags, ev.checkFunction(ev.funcs[name])...)
	}
	return append(diags, ev.recursion()...)
}

// readFunction reads the parameters of a function block.
func readFunction(b *schema.Function) (*userFunction, hcl.Diagnostics) {
	for _, name := range []string{"params", "result"} {
		if b.Attr(name) == nil {
			return nil, hcl.Diagnostics{{
				Severity: hcl.DiagError,
				Summary:  "Incomplete function",
				Detail:   fmt.Sprintf("The function %s has no %s.", b.Label, name),
				Subject:  b.DefRange.Ptr(),
			}}
		}
	}
	f := &userFunction{name: b.Label, block: b, result: b.Attr("result")}
	exprs, diags := hcl.ExprList(b.Attr("params"))
	for _, e := range exprs {
		name, diag := parameter(e)
		if diag != nil {
			diags = append(diags, diag)
		}
		f.params = append(f.params, name)
	}
	if e := b.Attr("variadic_params"); e != nil {
		name, diag := parameter(e)
		if diag != nil {
			diags = append(diags, diag)
		}
		f.variadic = name
	}
	if diags.HasErrors() {
		return nil, diags
	}
	return f, diags
}

func parameter(e hcl.Expression) (string, *hcl.Diagnostic) {
	if name := hcl.ExprAsKeyword(e); name != "" {
		return name, nil
	}
	return "", &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  "Invalid parameter",
		Detail:   "A parameter is a bare name, as in params = [a, b].",
		Subject:  e.Range().Ptr(),
	}
}

// checkFunction finds the unknown names in a function, whether or not it is
// called.
func (ev *Evaluator) checkFunction(f *userFunction) hcl.Diagnostics {
	var diags hcl.Diagnostics
	known := map[string]bool{f.variadic: true}
	for _, p := range f.params {
		known[p] = true
	}
	for _, t := range f.result.Variables() {
		name := t.RootName()
		_, builtin := ev.root.Variables[name]
		if !known[name] && ev.vars[name] == nil && !builtin {
			diags = append(diags, &hcl.Diagnostic{
				Severity: hcl.DiagError,
				Summary:  "Unknown variable",
				Detail:   fmt.Sprintf("The function %s uses %q, which is neither a parameter nor a variable; a function cannot read targets.", f.name, name),
				Subject:  t.SourceRange().Ptr(),
			})
		}
	}
	for _, call := range calls(f.result) {
		if _, ok := ev.root.Functions[call.name]; !ok {
			diags = append(diags, &hcl.Diagnostic{
				Severity: hcl.DiagError,
				Summary:  "Unknown function",
				Detail:   fmt.Sprintf("The function %s calls %q, which does not exist.%s", f.name, call.name, suggest.Sentence(call.name, attribute.SortedKeys(ev.root.Functions))),
				Subject:  call.at.Ptr(),
			})
		}
	}
	return diags
}

// recursion reports every function that calls itself, directly or through others.
func (ev *Evaluator) recursion() hcl.Diagnostics {
	var diags hcl.Diagnostics
	var path trail.Trail
	done := map[string]bool{}
	var visit func(f *userFunction)
	visit = func(f *userFunction) {
		if done[f.name] {
			return
		}
		if steps := path.Enter(trail.Step{What: "function " + f.name, At: f.block.LabelRange}); steps != nil {
			for _, s := range steps {
				ev.cyclic[strings.TrimPrefix(s.What, "function ")] = true
			}
			diags = append(diags, trail.Cycle("Function calls itself", steps))
			return
		}
		for _, call := range calls(f.result) {
			if g, ok := ev.funcs[call.name]; ok {
				visit(g)
			}
		}
		path.Leave()
		done[f.name] = true
	}
	for _, name := range attribute.SortedKeys(ev.funcs) {
		visit(ev.funcs[name])
	}
	return diags
}

// call is a function call in an expression.
type call struct {
	name string
	at   hcl.Range
}

// calls lists the function calls of an expression, each function once.
// Expressions in JSON do not show theirs.
func calls(expr hcl.Expression) []call {
	node, ok := expr.(hclsyntax.Node)
	if !ok {
		return nil
	}
	found := map[string]call{}
	_ = hclsyntax.VisitAll(node, func(n hclsyntax.Node) hcl.Diagnostics {
		if c, ok := n.(*hclsyntax.FunctionCallExpr); ok {
			if _, seen := found[c.Name]; !seen {
				found[c.Name] = call{c.Name, c.NameRange}
			}
		}
		return nil
	})
	out := make([]call, 0, len(found))
	for _, c := range found {
		out = append(out, c)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].name < out[j].name })
	return out
}

// function makes a function that expressions can call.
func (f *userFunction) function(ev *Evaluator) function.Function {
	spec := &function.Spec{
		// The type is known with the value only; asking for it beforehand
		// would evaluate every call twice, and calls in calls 2^n times.
		Type: function.StaticReturnType(cty.DynamicPseudoType),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return f.call(ev, args)
		},
	}
	for _, name := range f.params {
		spec.Params = append(spec.Params, anyParameter(name))
	}
	if f.variadic != "" {
		p := anyParameter(f.variadic)
		spec.VarParam = &p
	}
	return function.New(spec)
}

func anyParameter(name string) function.Parameter {
	return function.Parameter{Name: name, Type: cty.DynamicPseudoType, AllowNull: true, AllowDynamicType: true}
}

// call evaluates the result with the parameters in scope.
func (f *userFunction) call(ev *Evaluator, args []cty.Value) (cty.Value, error) {
	// Recursion was looked for before, but calls in JSON do not show then.
	if ev.active[f.name] {
		ev.cyclic[f.name] = true
	}
	ev.calls++
	if ev.cyclic[f.name] {
		return cty.DynamicVal, errors.New("the function calls itself")
	}
	if len(ev.active) >= maxDepth {
		return cty.DynamicVal, fmt.Errorf("calls of functions are nested more than %d deep", maxDepth)
	}
	if ev.calls > maxCalls {
		return cty.DynamicVal, fmt.Errorf("there are more than %d calls of functions", maxCalls)
	}
	ev.active[f.name] = true
	defer delete(ev.active, f.name)
	scope := ev.root.NewChild()
	scope.Variables = make(map[string]cty.Value, len(args)+1)
	for i, name := range f.params {
		scope.Variables[name] = args[i]
	}
	if f.variadic != "" {
		scope.Variables[f.variadic] = cty.TupleVal(args[len(f.params):])
	}
	v, diags := ev.Eval(f.result, scope, NoRefs)
	if diags.HasErrors() {
		return cty.DynamicVal, diags
	}
	return v, nil
}
