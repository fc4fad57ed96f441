package block

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/config/eval"
	"github.com/orch-build/orch/config/spec"
	"github.com/orch-build/orch/schema"
)

// Group is a group of the files.
type Group struct {
	spec.Group
	// Block is nil if a matrix or a Compose file made the group.
	Block *schema.Group
	// Matrix says that the group has the targets of a matrix; nobody wrote it.
	Matrix bool

	index *Index
	done  bool
	// written lists the members as written, with duplicates.
	written []string
}

// MembersAt is where the members are written.
func (g *Group) MembersAt() hcl.Range {
	if g.Block == nil {
		return g.Range
	}
	return g.Block.AttrRange("targets")
}

// Load evaluates the members and the description of a group.
func (g *Group) Load() hcl.Diagnostics {
	if g.done || g.Block == nil {
		return nil
	}
	if diag := g.index.ev.Enter("group."+g.Name, g.Range); diag != nil {
		return hcl.Diagnostics{diag}
	}
	defer g.index.ev.Leave()
	g.done = true
	members, diags := g.attr("targets", attribute.List{})
	if l, ok := members.([]string); ok {
		g.written = l
		g.Targets = attribute.Unique(l)
	}
	about, more := g.attr("description", attribute.Text{})
	if s, ok := about.(string); ok {
		g.Description = s
	}
	return append(diags, more...)
}

// attr evaluates one attribute of a group.
func (g *Group) attr(name string, k attribute.Kind) (any, hcl.Diagnostics) {
	expr := g.Block.Attr(name)
	if expr == nil {
		return nil, nil
	}
	v, diags := g.index.ev.Root(expr, eval.WithRefs)
	if diags.HasErrors() || v.IsNull() || !v.IsWhollyKnown() {
		return nil, diags
	}
	out, err := k.Decode(v)
	if err != nil {
		return nil, append(diags, g.index.ev.WrongType(name, expr, err))
	}
	return out, diags
}

// reference returns what an expression sees of a group.
func (g *Group) reference() (map[string]cty.Value, hcl.Diagnostics) {
	diags := g.Load()
	members := g.written
	if g.Block == nil {
		members = g.Targets
	}
	return map[string]cty.Value{
		"name":        cty.StringVal(g.Name),
		"description": cty.StringVal(g.Description),
		"targets":     attribute.StringList(members),
	}, diags
}

// Adopted returns the group as the importing file has it, with a prefix before its
// own name and its members' names.
func (g *Group) Adopted(prefix string) *Group {
	out := *g
	out.Name, out.done = prefix+g.Name, true
	out.Targets = make([]string, len(g.Targets))
	for i, m := range g.Targets {
		out.Targets[i] = prefix + m
	}
	return &out
}
