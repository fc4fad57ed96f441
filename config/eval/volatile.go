package eval

import (
	"iter"
	"reflect"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// Some values are different in nearly every run: those made from the commit,
// the time, or chance. An expression is followed to them through variables,
// constants, functions and other targets, without its value being looked at, so
// that what is said of it does not depend on the machine.

// volatileFacts are the git values that each commit changes.
var volatileFacts = []string{"sha", "short", "commit_time"}

// volatileFunctions give another result with each call.
var volatileFunctions = []string{"bcrypt", "timestamp", "uuidv4"}

// volatileVariables are set by CI services from the commit, or count runs. In
// order: GitHub, GitLab, Jenkins, CircleCI, Travis, Bitbucket, Buildkite, Drone,
// Azure, CodeBuild; by their documentation.
var volatileVariables = []string{
	"GITHUB_SHA", "GITHUB_RUN_ID", "GITHUB_RUN_NUMBER", "GITHUB_RUN_ATTEMPT",
	"CI_COMMIT_SHA", "CI_COMMIT_SHORT_SHA", "CI_COMMIT_TIMESTAMP", "CI_PIPELINE_ID", "CI_PIPELINE_IID", "CI_JOB_ID",
	"GIT_COMMIT", "BUILD_ID", "BUILD_NUMBER", "BUILD_TAG",
	"CIRCLE_SHA1", "CIRCLE_BUILD_NUM",
	"TRAVIS_COMMIT", "TRAVIS_BUILD_NUMBER",
	"BITBUCKET_COMMIT", "BITBUCKET_BUILD_NUMBER",
	"BUILDKITE_COMMIT", "BUILDKITE_BUILD_NUMBER",
	"DRONE_COMMIT", "DRONE_COMMIT_SHA", "DRONE_BUILD_NUMBER",
	"BUILD_SOURCEVERSION", "BUILD_BUILDID", "BUILD_BUILDNUMBER",
	"CODEBUILD_RESOLVED_SOURCE_VERSION", "CODEBUILD_BUILD_NUMBER",
}

// volatility follows the expressions of one file. Causes are texts such as
// "git.sha" and "timestamp()"; "" stands for none.
type volatility struct {
	ev *Evaluator
	// hidden says which names mean something else than a variable here.
	hidden func(name string) bool
	// steps counts what was followed: cycles were reported before, but are
	// still there.
	steps *int
	// read are the elements of maps that were looked at before: each of their keys
	// is asked for.
	read map[hcl.Expression]map[string]hcl.Expression
}

const maxVolatileSteps = 10_000

// Volatile says for which keys of an expression for a map the value is volatile,
// and why.
func (ev *Evaluator) Volatile(expr hcl.Expression, scope *hcl.EvalContext, keys iter.Seq[string]) map[string]string {
	steps := 0
	f := volatility{ev: ev, steps: &steps, read: map[hcl.Expression]map[string]hcl.Expression{}}.in(scope)
	var out map[string]string
	for key := range keys {
		if cause, _ := f.element(expr, key); cause != "" {
			if out == nil {
				out = map[string]string{}
			}
			out[key] = cause
		}
	}
	return out
}

// element follows the value that an expression for a map gives to a key; ok is
// false if that cannot be found out, or the map has no such key.
func (f volatility) element(expr hcl.Expression, key string) (cause string, ok bool) {
	if *f.steps++; *f.steps > maxVolatileSteps {
		return "", false
	}
	switch e := expr.(type) {
	case *hclsyntax.ParenthesesExpr:
		return f.element(e.Expression, key)
	case *hclsyntax.ConditionalExpr:
		cause, ok = f.element(e.TrueResult, key)
		if cause == "" {
			other, found := f.element(e.FalseResult, key)
			cause, ok = other, ok || found
		}
		return cause, ok
	case *hclsyntax.FunctionCallExpr:
		if e.Name != "merge" {
			return "", false
		}
		for _, arg := range slices.Backward(e.Args) {
			if cause, ok = f.element(arg, key); ok {
				return cause, true
			}
		}
		return "", false
	case *hclsyntax.ScopeTraversalExpr:
		return f.elementOf(e.Traversal, key)
	}
	value, ok := f.elements(expr)[key]
	if !ok {
		return "", false
	}
	return f.cause(value), true
}

// elements reads the elements of a map once.
func (f volatility) elements(expr hcl.Expression) map[string]hcl.Expression {
	if !reflect.ValueOf(expr).Comparable() {
		return Elements(expr)
	}
	all, ok := f.read[expr]
	if !ok {
		all = Elements(expr)
		f.read[expr] = all
	}
	return all
}

// elementOf is element for a variable, or the attribute of a target.
func (f volatility) elementOf(t hcl.Traversal, key string) (string, bool) {
	name := t.RootName()
	if f.hidden(name) {
		return "", false
	}
	if name == "target" {
		if expr, scope := f.attribute(t); expr != nil && len(t) == 3 {
			return f.in(scope).element(expr, key)
		}
		return "", false
	}
	from, expr, _ := f.variable(name)
	if expr == nil || len(t) > 1 {
		return "", false
	}
	cause, ok := from.element(expr, key)
	return through(cause, name), ok
}

// cause follows all that an expression is made of.
func (f volatility) cause(expr hcl.Expression) string {
	if *f.steps++; *f.steps > maxVolatileSteps {
		return ""
	}
	for _, t := range expr.Variables() {
		if cause := f.reference(t); cause != "" {
			return cause
		}
	}
	for _, c := range calls(expr) {
		if slices.Contains(volatileFunctions, c.name) {
			return c.name + "()"
		}
		fn := f.ev.funcs[c.name]
		if fn == nil {
			continue
		}
		inner := volatility{ev: f.ev, steps: f.steps, read: f.read, hidden: func(name string) bool { return name == fn.variadic || slices.Contains(fn.params, name) }}
		if cause := inner.cause(fn.result); cause != "" {
			return cause
		}
	}
	return ""
}

// reference follows one name in an expression.
func (f volatility) reference(t hcl.Traversal) string {
	name := t.RootName()
	if f.hidden(name) {
		return ""
	}
	switch {
	case name == "git" && !f.ev.Declared("git"):
		if fact := referenceOf(t).name; slices.Contains(volatileFacts, fact) {
			return "git." + fact
		}
		return ""
	case name == "target":
		expr, scope := f.attribute(t)
		if expr == nil {
			return ""
		}
		if key := keyOf(t, 3); key != "" {
			cause, _ := f.in(scope).element(expr, key)
			return cause
		}
		return f.in(scope).cause(expr)
	}
	from, expr, cause := f.variable(name)
	if cause != "" || expr == nil {
		return cause
	}
	if key := keyOf(t, 1); key != "" {
		if cause, ok := from.element(expr, key); ok {
			return through(cause, name)
		}
	}
	return through(from.cause(expr), name)
}

// keyOf is the name that a step of a reference has, or "".
func keyOf(t hcl.Traversal, i int) string {
	if len(t) <= i {
		return ""
	}
	switch s := t[i].(type) {
	case hcl.TraverseAttr:
		return s.Name
	case hcl.TraverseIndex:
		if s.Key.Type() == cty.String && !s.Key.IsNull() {
			return s.Key.AsString()
		}
	}
	return ""
}

// variable finds the expression that a variable or constant has its value from,
// in the file that has it; nil if the value comes from outside. A variable
// with a name that CI services set is a cause of its own.
func (f volatility) variable(name string) (from volatility, expr hcl.Expression, cause string) {
	v := f.ev.vars[name]
	if v == nil {
		return f, nil, ""
	}
	from = volatility{ev: f.ev, steps: f.steps, read: f.read, hidden: func(string) bool { return false }}
	if v.source == "import" {
		if g := f.ev.in.Given[name]; g != nil && g.Expr != nil {
			from.ev = g.From
			return from, g.Expr, ""
		}
		return from, nil, ""
	}
	if v.block != nil && slices.Contains(volatileVariables, name) {
		return from, nil, "the variable " + name
	}
	if v.block != nil && v.source != "default" {
		return from, nil, ""
	}
	return from, v.defaultExpr(), ""
}

// attribute finds the expression of target.NAME.ATTR, and its scope.
func (f volatility) attribute(t hcl.Traversal) (hcl.Expression, *hcl.EvalContext) {
	r := referenceOf(t)
	return f.ev.refs.Expression(r.name, r.attr)
}

// in goes on in the scope of another target.
func (f volatility) in(scope *hcl.EvalContext) volatility {
	return volatility{ev: f.ev, steps: f.steps, read: f.read, hidden: func(name string) bool { return hidden(name, scope, f.ev.root) }}
}

// through adds the variable that a cause was found behind. Only the last is
// named: it is the one that the user has written.
func through(cause, variable string) string {
	if cause == "" || slices.ContainsFunc(volatileVariables, func(name string) bool { return cause == "the variable "+name }) {
		return cause
	}
	const by = ", through the variable "
	base, _, _ := strings.Cut(cause, by)
	return base + by + variable
}
