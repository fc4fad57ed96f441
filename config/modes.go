package config

import (
	"fmt"

	"github.com/zclconf/go-cty/cty"
)

// gitModes is the value of context-modes for the modes that git keeps; ""
// leaves modes as they are on this machine.
const gitModes = "git"

// hiddenText is a text that bake's JSON does not have.
type hiddenText struct{ text }

func (hiddenText) show(any) any { return nil }

// inheritModes gives a target the context-modes that stand outside of blocks, if
// it has none of its own.
func (d *Definition) inheritModes(r *resolved) {
	v, ok := d.ev.root.Variables["context-modes"]
	if ok && r.values[atContextModes] == nil && v.IsKnown() && !v.IsNull() && v.Type() == cty.String {
		r.values[atContextModes] = v.AsString()
	}
}

func checkModes(v any) []error {
	if s := v.(string); s != "" && s != gitModes {
		return []error{fmt.Errorf("%q is not known; write %q, or leave it out for the modes of this machine", s, gitModes)}
	}
	return nil
}
