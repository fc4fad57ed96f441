package language

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// expression shows the value of the expression around the cursor.
func (h *hovering) expression(f *definitionFile, b *hclsyntax.Block, attr *hclsyntax.Attribute) {
	if h.text.Len() > 0 {
		return
	}
	var best hclsyntax.Expression
	_ = hclsyntax.VisitAll(attr.Expr, func(node hclsyntax.Node) hcl.Diagnostics {
		e, ok := node.(hclsyntax.Expression)
		if !ok {
			return nil
		}
		switch e.(type) {
		case *hclsyntax.LiteralValueExpr, *hclsyntax.ObjectConsKeyExpr:
			return nil
		}
		if r := e.Range(); r.Start.Byte <= h.offset && h.offset <= r.End.Byte && (best == nil || r.End.Byte-r.Start.Byte <= best.Range().End.Byte-best.Range().Start.Byte) {
			best = e
		}
		return nil
	})
	if best == nil {
		best = attr.Expr
	}
	h.start, h.end = best.Range().Start.Byte, best.Range().End.Byte
	h.value(f, b, best)
}

// value shows the value of an expression, for each target of the block.
func (h *hovering) value(_ *definitionFile, b *hclsyntax.Block, expr hclsyntax.Expression) {
	if h.a == nil || loops(expr) {
		return
	}
	m, ok := h.a.Module(h.doc.Path)
	if !ok {
		return
	}
	targets := []string{""}
	if b != nil && b.Type == "target" && len(b.Labels) > 0 {
		targets = nil
		for _, t := range h.a.Names.Blocks[h.blockOf(b)] {
			targets = append(targets, t.Name)
		}
	}
	values := map[string][]string{}
	var order []string
	for _, name := range targets {
		text, ok := h.a.Value(m, expr, name)
		if !ok {
			continue
		}
		if values[text] == nil {
			order = append(order, text)
		}
		values[text] = append(values[text], name)
	}
	for i, text := range order {
		if i == maxTargets {
			h.say("… and %d more values", len(order)-i)
			return
		}
		if len(order) > 1 {
			h.say("`%s`:", some(values[text]))
		}
		h.say("```hcl\n%s\n```", text)
	}
}

// loops reports whether an expression has a "for", which may take long.
func loops(expr hclsyntax.Expression) bool {
	found := false
	_ = hclsyntax.VisitAll(expr, func(node hclsyntax.Node) hcl.Diagnostics {
		if _, ok := node.(*hclsyntax.ForExpr); ok {
			found = true
		}
		return nil
	})
	return found
}
