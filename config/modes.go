package config

import (
	"github.com/zclconf/go-cty/cty"

	"github.com/orch-build/orch/config/attribute"
)

// inheritModes gives a target the context-modes that are outside of blocks, if
// it has none of its own.
func (d *Definition) inheritModes(r *resolved) {
	v, ok := d.ev.root.Variables["context-modes"]
	if ok && r.values[attribute.AtContextModes] == nil && v.IsKnown() && !v.IsNull() && v.Type() == cty.String {
		r.values[attribute.AtContextModes] = v.AsString()
	}
}
