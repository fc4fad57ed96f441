package config

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/schema"
)

const contextModes = "context-modes"

// inheritModes gives a target the context-modes that are outside of blocks, if
// it has none of its own.
func (d *Definition) inheritModes(r *resolved) {
	if r.values[attribute.AtContextModes] != nil {
		return
	}
	if v, err := d.modes(); err == nil {
		r.values[attribute.AtContextModes] = v
	}
}

// modes returns the context-modes that are outside of blocks; nil if there are
// none.
func (d *Definition) modes() (any, error) {
	v, ok := d.ev.root.Variables[contextModes]
	if !ok || !v.IsWhollyKnown() || v.IsNull() {
		return nil, nil
	}
	a := &attribute.Attributes[attribute.AtContextModes]
	decoded, err := a.Kind.Decode(v)
	if err != nil {
		return nil, err
	}
	for _, err := range a.Check(decoded) {
		return nil, err
	}
	return decoded, nil
}

// checkModes reports context-modes outside of blocks that are invalid. In a bake
// file the name is that of any constant.
func (d *Definition) checkModes() hcl.Diagnostics {
	_, err := d.modes()
	v := d.ev.vars[contextModes]
	if err == nil || v == nil || v.constant == nil {
		return nil
	}
	for _, f := range d.files {
		if f.Dialect == schema.Build && f.Constants[contextModes] == v.constant {
			return hcl.Diagnostics{{
				Severity: hcl.DiagError,
				Summary:  fmt.Sprintf("Invalid value for %q", contextModes),
				Detail:   attribute.Sentence(err),
				Subject:  v.constant.Range.Ptr(),
			}}
		}
	}
	return nil
}
