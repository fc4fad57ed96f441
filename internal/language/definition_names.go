package language

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// isHCL reports whether a file is in HCL's native syntax.
func isHCL(path string) bool { return filepath.Ext(path) == ".hcl" }

// definitionWalk finds the names in a definition.
type definitionWalk struct {
	names
	f     *definitionFile
	scope string
	out   []occurrence
	// locals are the axes and parameters of the block at hand.
	locals map[string]symbol
	label  string
}

// definitionOccurrences lists the places in a definition where something is named.
func definitionOccurrences(n names, f *definitionFile) []occurrence {
	w := &definitionWalk{names: n, f: f, scope: n.scope(f.doc.Path)}
	for _, attr := range f.Body.Attributes {
		w.declare(symbol{kindVariable, w.scope, attr.Name}, attr.NameRange)
		w.expression(attr.Expr)
	}
	for _, b := range f.Body.Blocks {
		w.block(b)
	}
	return w.out
}

// declare enters where something is declared.
func (w *definitionWalk) declare(s symbol, r hcl.Range) {
	w.refer(s, r)
	w.out[len(w.out)-1].decl = true
}

// refer enters where something is named that is declared elsewhere.
func (w *definitionWalk) refer(s symbol, r hcl.Range) {
	w.out = append(w.out, occurrence{symbol: s, path: w.f.doc.Path, start: r.Start.Byte, end: r.End.Byte})
}

// labelKinds are the kinds of blocks that are named by their label.
var labelKinds = map[string]kind{
	"target": kindTarget, "group": kindGroup, "variable": kindVariable, "function": kindFunction, "import": kindImport, "test": kindTest,
}

func (w *definitionWalk) block(b *hclsyntax.Block) {
	w.locals, w.label = map[string]symbol{}, ""
	if k, ok := labelKinds[b.Type]; ok && len(b.Labels) > 0 {
		w.label = b.Labels[0]
		w.declare(symbol{k, w.scope, w.label}, inQuotes(b.LabelRanges[0], w.f.Text))
	}
	w.declareLocals(b)
	for _, attr := range b.Body.Attributes {
		w.attribute(b.Type, attr)
	}
	for _, inner := range b.Body.Blocks {
		for _, attr := range inner.Body.Attributes {
			w.expression(attr.Expr)
		}
	}
}

// declareLocals enters the axes of a matrix and the parameters of a function.
func (w *definitionWalk) declareLocals(b *hclsyntax.Block) {
	scope := w.f.doc.Path + "\x00" + b.Type + "\x00" + w.label
	if attr := b.Body.Attributes["matrix"]; attr != nil && b.Type == "target" {
		for _, e := range elements(attr.Expr) {
			w.locals[e.key] = symbol{kindLocal, scope, e.key}
			w.declare(w.locals[e.key], e.at)
		}
	}
	if b.Type != "function" {
		return
	}
	for _, name := range []string{"params", "variadic_params"} {
		attr := b.Body.Attributes[name]
		if attr == nil {
			continue
		}
		for _, t := range attr.Expr.Variables() {
			w.locals[t.RootName()] = symbol{kindLocal, scope, t.RootName()}
			w.declare(w.locals[t.RootName()], t[0].SourceRange())
		}
	}
}

func (w *definitionWalk) attribute(block string, attr *hclsyntax.Attribute) {
	if block == "function" && attr.Name != "result" || block == "variable" && attr.Name == "type" {
		return
	}
	w.expression(attr.Expr)
	switch block + "." + attr.Name {
	case "target.inherits", "group.targets", "test.target":
		for _, text := range literals(attr.Expr) {
			w.targetName(text.value, text.at)
		}
	case "target.contexts":
		for _, e := range elements(attr.Expr) {
			w.inDockerfiles(kindContext, "contexts."+e.key, e.key, e.at)
			for _, text := range literals(e.value) {
				w.link(text)
			}
		}
	case "target.context":
		for _, text := range literals(attr.Expr) {
			w.link(text)
			w.file(attr.Name, text)
		}
	case "target.target", "target.no-cache-filter":
		for _, text := range literals(attr.Expr) {
			w.inDockerfiles(kindStage, attr.Name, text.value, text.at)
		}
	case "target.args":
		for _, e := range elements(attr.Expr) {
			w.inDockerfiles(kindArg, "args."+e.key, e.key, e.at)
		}
	case "target.dockerfile", "import.source":
		for _, text := range literals(attr.Expr) {
			w.file(attr.Name, text)
		}
	case "import.variables":
		w.given(attr.Expr)
	}
}

// link is "target:NAME".
func (w *definitionWalk) link(text literal) {
	if name, ok := strings.CutPrefix(text.value, "target:"); ok {
		text.at.Start.Byte += len("target:")
		w.targetName(name, text.at)
	}
}

// targetName is the name of a target or group. Behind a namespace only the last part
// is what its own block calls it.
func (w *definitionWalk) targetName(name string, at hcl.Range) {
	sym, label := w.target(w.f.doc.Path, name)
	o := occurrence{symbol: sym, path: w.f.doc.Path, start: at.Start.Byte, end: at.End.Byte}
	switch {
	case strings.HasSuffix(name, "."+label):
		o.start = o.end - len(label)
	case name != label:
		o.other = true
	}
	w.out = append(w.out, o)
}

// inDockerfiles is a name in the Dockerfiles of the targets of the block.
func (w *definitionWalk) inDockerfiles(k kind, key, name string, at hcl.Range) {
	if k != kindArg {
		name = strings.ToLower(name)
	}
	for _, path := range w.dockerfiles(w.f.doc.Path, w.label, key) {
		sym := symbol{k, path, name}
		if k == kindContext && w.isStage(path, name) {
			sym.kind = kindStage
		}
		w.refer(sym, at)
	}
}

// isStage reports whether a Dockerfile has a stage of that name.
func (n names) isStage(path, name string) bool {
	d := n.s.document(path)
	if d == nil {
		return false
	}
	_, ok := n.s.files.dockerfile(d).parsed.Find(name)
	return ok
}

// file is the name of a file: the Dockerfile of a target, or what is imported.
func (w *definitionWalk) file(attr string, text literal) {
	var paths []string
	switch {
	case attr == "source":
		paths = w.imported(w.f, text.value)
	case strings.Contains(text.value, "://") || strings.HasPrefix(text.value, "target:"):
	default:
		paths = w.dockerfiles(w.f.doc.Path, w.label, attr)
	}
	for _, path := range paths {
		w.out = append(w.out, occurrence{symbol: symbol{kindFile, path, ""}, path: w.f.doc.Path, start: text.at.Start.Byte, end: text.at.End.Byte, other: true})
	}
}

// imported lists the files of the project that a source names.
func (n names) imported(f *definitionFile, source string) []string {
	full := source
	if !filepath.IsAbs(full) {
		full = filepath.Join(filepath.Dir(f.doc.Path), source)
	}
	if n.a == nil || !strings.ContainsAny(source, "*?[") {
		return []string{full}
	}
	var out []string
	for _, path := range n.a.Files {
		if ok, err := filepath.Match(strings.ReplaceAll(full, "**", "*"), path); ok && err == nil {
			out = append(out, path)
		}
	}
	return out
}

// given are the names of variables of imported files.
func (w *definitionWalk) given(expr hclsyntax.Expression) {
	if w.a == nil {
		return
	}
	for _, e := range elements(expr) {
		for path, prefixes := range w.a.Names.Prefixes {
			if path == w.f.doc.Path || !slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(p, w.label+".") }) {
				continue
			}
			w.refer(symbol{kindVariable, path, e.key}, e.at)
		}
	}
}

// gitName and selfName are names of the language.
var reservedNames = []string{"target", "group", "git", "self", "BAKE_CMD_CONTEXT", "BAKE_LOCAL_PLATFORM"}

// expression finds the variables, references and calls in an expression.
func (w *definitionWalk) expression(expr hclsyntax.Expression) {
	for _, t := range expr.Variables() {
		root := t.RootName()
		switch sym, local := w.locals[root]; {
		case local:
			w.refer(sym, t[0].SourceRange())
		case root == "target" || root == "group":
			w.reference(root, t)
		case !slices.Contains(reservedNames, root):
			w.refer(symbol{kindVariable, w.scope, root}, t[0].SourceRange())
		}
	}
	_ = hclsyntax.VisitAll(expr, func(node hclsyntax.Node) hcl.Diagnostics {
		if call, ok := node.(*hclsyntax.FunctionCallExpr); ok {
			w.refer(symbol{kindFunction, w.scope, call.Name}, call.NameRange)
		}
		return nil
	})
}

// reference is target.NAME or group.NAME.
func (w *definitionWalk) reference(root string, t hcl.Traversal) {
	if len(t) < 2 {
		return
	}
	attr, ok := t[1].(hcl.TraverseAttr)
	if !ok {
		return
	}
	at := attr.SrcRange
	at.Start.Byte = at.End.Byte - len(attr.Name) // without the dot
	w.refer(symbol{kind(root), w.scope, attr.Name}, at)
}

// literal is a text that is written as it is.
type literal struct {
	value string
	at    hcl.Range // without the quotes
}

// literals lists the texts of an expression, or of the elements of a list.
func literals(expr hclsyntax.Expression) []literal {
	var out []literal
	var visit func(e hclsyntax.Expression)
	visit = func(e hclsyntax.Expression) {
		switch e := e.(type) {
		case *hclsyntax.TupleConsExpr:
			for _, inner := range e.Exprs {
				visit(inner)
			}
		case *hclsyntax.ConditionalExpr:
			visit(e.TrueResult)
			visit(e.FalseResult)
		case *hclsyntax.ParenthesesExpr:
			visit(e.Expression)
		case *hclsyntax.FunctionCallExpr:
			if e.Name == "concat" {
				for _, inner := range e.Args {
					visit(inner)
				}
			}
		case *hclsyntax.TemplateExpr:
			if l, ok := plain(e); ok {
				out = append(out, l)
			}
		}
	}
	visit(expr)
	return out
}

// plain is the text of a string without expressions and escapes.
func plain(e *hclsyntax.TemplateExpr) (literal, bool) {
	if !e.IsStringLiteral() {
		return literal{}, false
	}
	v, diags := e.Value(nil)
	if diags.HasErrors() {
		return literal{}, false
	}
	at := e.Range()
	at.Start.Byte++
	at.End.Byte--
	text := v.AsString()
	return literal{text, at}, at.End.Byte-at.Start.Byte == len(text)
}

// element is one key of an object.
type element struct {
	key   string
	at    hcl.Range // of the key, without quotes
	value hclsyntax.Expression
}

// elements lists the keys of an object that are written as they are.
func elements(expr hclsyntax.Expression) []element {
	obj, ok := expr.(*hclsyntax.ObjectConsExpr)
	if !ok {
		return nil
	}
	var out []element
	for _, item := range obj.Items {
		key, ok := item.KeyExpr.(*hclsyntax.ObjectConsKeyExpr)
		if !ok {
			continue
		}
		if name := hcl.ExprAsKeyword(key); name != "" {
			out = append(out, element{name, key.Range(), item.ValueExpr})
		} else if text, ok := key.Wrapped.(*hclsyntax.TemplateExpr); ok {
			if l, ok := plain(text); ok {
				out = append(out, element{l.value, l.at, item.ValueExpr})
			}
		}
	}
	return out
}

// inQuotes is the range of a label without its quotes, if it has any.
func inQuotes(r hcl.Range, text []byte) hcl.Range {
	if r.Start.Byte < r.End.Byte && text[r.Start.Byte] == '"' {
		r.Start.Byte++
		if r.End.Byte > r.Start.Byte && text[r.End.Byte-1] == '"' {
			r.End.Byte--
		}
	}
	return r
}
