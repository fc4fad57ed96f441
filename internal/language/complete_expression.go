package language

import (
	"cmp"
	"slices"
	"strings"

	"github.com/orch-build/orch/config/funcs"
	"github.com/orch-build/orch/internal/language/lsp"
	"github.com/orch-build/orch/schema"
)

// traits lists the traits of all targets.
func (c *completion) traits() []string {
	if c.a == nil || c.a.Config == nil {
		return nil
	}
	var out []string
	for _, t := range c.a.Config.Targets {
		for name := range t.Traits {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// importedVariables offers the variables of the files that the block imports.
func (c *completion) importedVariables() []choice {
	if c.a == nil || c.a.Definition == nil {
		return nil
	}
	var out []choice
	for _, m := range c.a.Definition.Modules() {
		if !strings.HasPrefix(m.Prefix, c.label()+".") {
			continue
		}
		for _, v := range c.a.Variables(m) {
			if !slices.ContainsFunc(out, func(ch choice) bool { return ch.label == v.Name }) {
				out = append(out, choice{label: v.Name, kind: lsp.KindVariable, detail: cmp.Or(v.Type, "variable"), doc: v.Description})
			}
		}
	}
	return out
}

// expression offers what an expression may be: variables, references and functions,
// and the values that the attribute has.
func (c *completion) expression() {
	if len(c.place.path) > 0 {
		c.reference()
		return
	}
	attr, keys := c.attribute()
	key := ""
	if len(keys) > 0 {
		key = keys[len(keys)-1]
	}
	top := c.place.top()
	if attr == "variable.type" {
		for _, t := range []string{"string", "number", "bool", "any", "list", "set", "map", "object", "tuple"} {
			c.offer(choice{label: t, kind: lsp.KindEnumMember, detail: "type"})
		}
		return
	}
	if top.kind != interpFrame && top.kind != callFrame && attr != "." {
		c.quotedValues(attr, key)
		if c.isBool(attr, key) {
			c.offer(choice{label: "true", kind: lsp.KindEnumMember}, choice{label: "false", kind: lsp.KindEnumMember})
		}
	}
	c.variables()
	for _, root := range []string{"target", "group", "git"} {
		c.offer(choice{label: root, kind: lsp.KindModule, insert: root + ".", rank: 3, detail: "reference"})
	}
	for name, f := range funcs.Standard(funcs.Machine{}) {
		c.offer(choice{label: name, kind: lsp.KindFunction, detail: funcs.Signature(name, f), doc: funcs.Describe(name, f), insert: name + "($0)", snippet: true, rank: 4})
	}
}

// isBool reports whether an attribute, or a key of an object in it, is true or false.
func (c *completion) isBool(attr, key string) bool {
	block, name, _ := strings.Cut(attr, ".")
	attrs, _ := schema.AttributesOf(block, c.dialect)
	for _, a := range attrs {
		if a.Name == name && key != "" {
			return slices.ContainsFunc(a.Fields, func(f schema.Attribute) bool { return f.Name == key && f.Type == "bool" })
		}
		if a.Name == name {
			return a.Type == "bool"
		}
	}
	return false
}

// variables offers variables, constants, functions of the file, and the axes and
// parameters of the block.
func (c *completion) variables() {
	w := &definitionWalk{names: c.names, f: c.s.files.definition(c.doc), scope: c.scope(c.doc.Path)}
	for _, b := range w.f.Body.Blocks {
		if outer := c.place.outer(); outer == nil || b.Type != outer.name || len(b.Labels) == 0 || b.Labels[0] != outer.label {
			continue
		}
		w.locals, w.label = map[string]symbol{}, b.Labels[0]
		w.declareLocals(b)
		for name := range w.locals {
			c.offer(choice{label: name, kind: lsp.KindVariable, detail: "of this block", rank: 1})
		}
	}
	described := c.described()
	for _, o := range w.f.names(c.names) {
		switch {
		case !o.decl:
		case o.kind == kindVariable:
			ch := described[o.name]
			ch.label, ch.kind, ch.rank = o.name, lsp.KindVariable, 2
			ch.detail = cmp.Or(ch.detail, "variable")
			delete(described, o.name)
			c.offer(ch)
		case o.kind == kindFunction:
			c.offer(choice{label: o.name, kind: lsp.KindFunction, detail: "function of this file", insert: o.name + "($0)", snippet: true, rank: 2})
		}
	}
	for name, ch := range described { // of other files
		ch.label, ch.kind, ch.rank = name, lsp.KindVariable, 2
		c.offer(ch)
	}
}

// described says of the variables of the module what they are and what value they
// have.
func (c *completion) described() map[string]choice {
	out := map[string]choice{}
	if c.a == nil {
		return out
	}
	m, ok := c.a.Module(c.doc.Path)
	if !ok {
		return out
	}
	for _, v := range c.a.Variables(m) {
		ch := choice{detail: cmp.Or(v.Type, "variable"), doc: v.Description}
		if v.Value != nil {
			ch.doc = strings.TrimSpace(ch.doc + "\n\nValue: `" + *v.Value + "`")
		}
		out[v.Name] = ch
	}
	return out
}

// reference offers what may be behind target., group., git. and self.
func (c *completion) reference() {
	p := c.place.path
	switch {
	case p[0] == "target" && len(p) == 1:
		c.offer(c.targets()...)
	case p[0] == "target" && len(p) == 2:
		c.offer(choice{label: "name", kind: lsp.KindField, detail: "string"})
		for _, a := range schema.TargetAttributes() {
			if schema.HasAttribute(a.Name, c.dialect) {
				c.offer(choice{label: a.Name, kind: lsp.KindProperty, detail: a.Type, doc: a.Doc})
			}
		}
	case p[0] == "group" && len(p) == 1:
		c.offer(c.groups()...)
	case p[0] == "group" && len(p) == 2:
		for _, name := range []string{"name", "targets", "description"} {
			c.offer(choice{label: name, kind: lsp.KindField})
		}
	case p[0] == "git" && len(p) == 1:
		for _, f := range gitFacts() {
			c.offer(f)
		}
	case p[0] == "self" && len(p) == 1:
		c.offer(choice{label: "name", kind: lsp.KindField, detail: "string", doc: "The name of the target."})
	}
}
