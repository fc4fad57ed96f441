package config

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/schema"
)

// definedGroup is a group of the files.
type definedGroup struct {
	Group
	block  *schema.Group // nil if a matrix or a Compose file made it
	matrix bool          // stands for the targets of a matrix; nobody has written it
	done   bool
	// written lists the members as written, with duplicates.
	written []string
}

// load evaluates the members and the description of a group.
func (g *definedGroup) load(ev *evaluator) hcl.Diagnostics {
	if g.done || g.block == nil {
		return nil
	}
	if diag := ev.enter(step{"group." + g.Name, g.Range}); diag != nil {
		return hcl.Diagnostics{diag}
	}
	defer ev.leave()
	g.done = true
	members, diags := g.attr(ev, "targets", attribute.List{})
	if l, ok := members.([]string); ok {
		g.written = l
		g.Targets = attribute.Unique(l)
	}
	about, more := g.attr(ev, "description", attribute.Text{})
	if s, ok := about.(string); ok {
		g.Description = s
	}
	return append(diags, more...)
}

// attr evaluates one attribute of a group.
func (g *definedGroup) attr(ev *evaluator, name string, k attribute.Kind) (any, hcl.Diagnostics) {
	expr := g.block.Attr(name)
	if expr == nil {
		return nil, nil
	}
	v, diags := ev.eval(expr, ev.root, true)
	if diags.HasErrors() || v.IsNull() || !v.IsWhollyKnown() {
		return nil, diags
	}
	out, err := k.Decode(v)
	if err != nil {
		return nil, append(diags, wrongType(name, expr, ev.root, err))
	}
	return out, diags
}

// reference returns what an expression sees of a group.
func (g *definedGroup) reference(ev *evaluator) (map[string]cty.Value, hcl.Diagnostics) {
	diags := g.load(ev)
	members := g.written
	if g.block == nil {
		members = g.Targets
	}
	return map[string]cty.Value{
		"name":        cty.StringVal(g.Name),
		"description": cty.StringVal(g.Description),
		"targets":     attribute.StringList(members),
	}, diags
}
