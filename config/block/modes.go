package block

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/schema"
)

const contextModes = "context-modes"

// ContextModes returns the context-modes that are outside of blocks; nil if there
// are none.
func (x *Index) ContextModes() (any, error) {
	v, ok := x.ev.Value(contextModes)
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

// CheckModes reports context-modes outside of blocks that are invalid. In a bake
// file the name is any constant's.
func (x *Index) CheckModes(files []*schema.File) hcl.Diagnostics {
	_, err := x.ContextModes()
	constant := x.ev.Constant(contextModes)
	if err == nil || constant == nil {
		return nil
	}
	for _, f := range files {
		if f.Dialect == schema.Build && f.Constants[contextModes] == constant {
			return hcl.Diagnostics{{
				Severity: hcl.DiagError,
				Summary:  fmt.Sprintf("Invalid value for %q", contextModes),
				Detail:   attribute.Sentence(err),
				Subject:  constant.Range.Ptr(),
			}}
		}
	}
	return nil
}
