package eval

import (
	"cmp"
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/orch-build/orch/config/funcs"
	"github.com/orch-build/orch/config/trail"
	"github.com/orch-build/orch/schema"
)

// Evaluator evaluates the expressions of one file. A name is evaluated when an
// expression asks for it, so the order of blocks does not matter.
type Evaluator struct {
	in    *Inputs
	refs  References
	vars  map[string]*variable
	funcs map[string]*userFunction
	// root is the scope of everything: variables enter it when they have
	// been evaluated.
	root  *hcl.EvalContext
	needs map[hcl.Expression]*needs
	// cyclic holds the functions whose cycle has been reported.
	cyclic map[string]bool
	// git remembers what was read of repositories, by folder and fact.
	git map[string]cty.Value
	// calls counts the calls of functions of the files; active holds those
	// that are being called.
	calls  int
	active map[string]bool
	// rounds is what the "for" expressions have left.
	rounds *schema.Rounds
	// path is the way to what is being evaluated, for naming cycles.
	path trail.Trail
}

// needs lists what an expression refers to.
type needs struct {
	names   []string // variables
	targets []reference
	groups  []reference
	git     []reference // git.FACT, the fact in name
}

// reference is target.NAME.ATTR or group.NAME.ATTR; attr is "" for the whole.
type reference struct {
	name, attr string
	at         hcl.Range
}

// New returns an Evaluator that knows the names that are always there.
func New(in *Inputs, refs References) *Evaluator {
	ev := &Evaluator{
		in:     in,
		refs:   refs,
		vars:   map[string]*variable{},
		funcs:  map[string]*userFunction{},
		needs:  map[hcl.Expression]*needs{},
		git:    map[string]cty.Value{},
		cyclic: map[string]bool{},
		active: map[string]bool{},
		root:   &hcl.EvalContext{Variables: map[string]cty.Value{}},
		rounds: &schema.Rounds{Left: cmp.Or(in.Rounds, DefaultRounds), Bytes: maxLoopBytes, Largest: funcs.MaxValue},
	}
	ev.rounds.In(ev.root)
	for name, v := range in.Builtins {
		ev.root.Variables[name] = cty.StringVal(v)
	}
	return ev
}

// Declare enters the variables, constants and functions of files, and evaluates
// the variables.
func (ev *Evaluator) Declare(files []*schema.File) hcl.Diagnostics {
	diags := ev.declareVariables(files)
	diags = append(diags, ev.declareFunctions(files)...)
	return append(diags, ev.loadVariables()...)
}

// Scope returns a scope inside the files' scope, with names of its own.
func (ev *Evaluator) Scope(names map[string]cty.Value) *hcl.EvalContext {
	scope := ev.root.NewChild()
	scope.Variables = names
	return scope
}

// Refs says whether an expression may refer to targets and groups.
type Refs bool

const (
	// NoRefs is for what is evaluated before there are targets.
	NoRefs Refs = false
	// WithRefs is for what belongs to a target or a group.
	WithRefs Refs = true
)

// Root evaluates an expression in the scope of the files.
func (ev *Evaluator) Root(expr hcl.Expression, refs Refs) (cty.Value, hcl.Diagnostics) {
	return ev.Eval(expr, ev.root, refs)
}

// Eval evaluates an expression in a scope.
func (ev *Evaluator) Eval(expr hcl.Expression, scope *hcl.EvalContext, refs Refs) (cty.Value, hcl.Diagnostics) {
	n := ev.needsOf(expr)
	diags := ev.load(n.names, scope)
	if len(n.git) > 0 && !ev.Declared("git") && !hidden("git", scope, ev.root) {
		child, more := ev.withGit(n.git, expr, scope)
		diags = append(diags, more...)
		scope = child
	}
	if bool(refs) && (len(n.targets) > 0 || len(n.groups) > 0) {
		child, more := ev.withReferences(n, scope)
		diags = append(diags, more...)
		scope = child
	}
	if diags.HasErrors() {
		return cty.DynamicVal, diags
	}
	v, more := ev.value(expr, scope)
	explainNull(more, n.git)
	explainCalls(more)
	ev.explainUnknown(more)
	diags = append(diags, more...)
	if diag := tooLarge(v, expr.Range()); diag != nil {
		return cty.DynamicVal, append(diags, diag)
	}
	return v, diags
}

// load evaluates the variables of those names, unless the scope hides them.
func (ev *Evaluator) load(names []string, scope *hcl.EvalContext) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, name := range names {
		if _, done := ev.root.Variables[name]; done || hidden(name, scope, ev.root) {
			continue
		}
		if v, ok := ev.vars[name]; ok {
			diags = append(diags, ev.loadVariable(v)...)
		}
	}
	return diags
}

// hidden reports whether a scope inside root has its own value of that name.
func hidden(name string, scope, root *hcl.EvalContext) bool {
	for ; scope != nil && scope != root; scope = scope.Parent() {
		if _, ok := scope.Variables[name]; ok {
			return true
		}
	}
	return false
}

// needsOf lists what an expression refers to; it looks only once.
func (ev *Evaluator) needsOf(expr hcl.Expression) *needs {
	if n, ok := ev.needs[expr]; ok {
		return n
	}
	n := &needs{}
	for _, t := range expr.Variables() {
		switch root := t.RootName(); root {
		case "target":
			n.targets = append(n.targets, referenceOf(t))
		case "git":
			n.names = append(n.names, root)
			n.git = append(n.git, referenceOf(t))
		case "group":
			n.groups = append(n.groups, referenceOf(t))
		default:
			n.names = append(n.names, root)
		}
	}
	ev.needs[expr] = n
	return n
}

// referenceOf reads the name and the attribute of a reference.
func referenceOf(t hcl.Traversal) reference {
	r := reference{at: t.SourceRange()}
	if len(t) > 1 {
		if a, ok := t[1].(hcl.TraverseAttr); ok {
			r.name = a.Name
		}
	}
	if len(t) > 2 {
		if a, ok := t[2].(hcl.TraverseAttr); ok {
			r.attr = a.Name
		}
	}
	return r
}

// TargetAttribute returns the names in an expression that is target.NAME.ATTRIBUTE
// and nothing else.
func TargetAttribute(expr hcl.Expression) (name, attr string) {
	t, diags := hcl.AbsTraversalForExpr(expr)
	if diags.HasErrors() || len(t) != 3 || t.RootName() != "target" {
		return "", ""
	}
	r := referenceOf(t)
	return r.name, r.attr
}

// withReferences returns a scope in which the references of an expression
// have their values.
func (ev *Evaluator) withReferences(n *needs, scope *hcl.EvalContext) (*hcl.EvalContext, hcl.Diagnostics) {
	child := scope.NewChild()
	child.Variables = map[string]cty.Value{}
	var diags hcl.Diagnostics
	for kind, refs := range map[string][]reference{"target": n.targets, "group": n.groups} {
		if len(refs) == 0 {
			continue
		}
		v, more := ev.object(kind, refs)
		diags = append(diags, more...)
		child.Variables[kind] = v
	}
	return child, diags
}

// object returns the value of "target" or "group" as far as the references
// need it.
func (ev *Evaluator) object(kind string, refs []reference) (cty.Value, hcl.Diagnostics) {
	var diags hcl.Diagnostics
	objects := map[string]map[string]cty.Value{}
	for _, r := range refs {
		if r.name == "" {
			return cty.DynamicVal, append(diags, &hcl.Diagnostic{
				Severity: hcl.DiagError,
				Summary:  "Reference without a name",
				Detail:   fmt.Sprintf("A reference to a %s names it behind a dot, as in %s.NAME.ATTRIBUTE.", kind, kind),
				Subject:  r.at.Ptr(),
			})
		}
		attrs, more := ev.referenced(kind, r)
		diags = append(diags, more...)
		if attrs == nil {
			continue
		}
		if objects[r.name] == nil {
			objects[r.name] = map[string]cty.Value{}
		}
		for k, v := range attrs {
			objects[r.name][k] = v
		}
	}
	vals := make(map[string]cty.Value, len(objects))
	for name, attrs := range objects {
		vals[name] = cty.ObjectVal(attrs)
	}
	return cty.ObjectVal(vals), diags
}

// referenced returns the attributes that a reference asks for, or nil if
// there is no such target or group.
func (ev *Evaluator) referenced(kind string, r reference) (map[string]cty.Value, hcl.Diagnostics) {
	if kind == "group" {
		return ev.refs.Group(r.name)
	}
	return ev.refs.Target(r.name, r.attr)
}

// Enter notes that something is being evaluated. If it already is, the
// result is a diagnostic that names every step of the cycle.
func (ev *Evaluator) Enter(what string, at hcl.Range) *hcl.Diagnostic {
	if ev.path.Len() >= maxDepth {
		return TooDeep(at, maxDepth)
	}
	if steps := ev.path.Enter(trail.Step{What: what, At: at}); steps != nil {
		return trail.Cycle("Reference cycle", steps)
	}
	return nil
}

// Leave notes that what was entered last is evaluated.
func (ev *Evaluator) Leave() { ev.path.Leave() }
