package eval

import (
	"strings"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

// Text writes a known value as an expression has it, on one line.
func Text(v cty.Value) string {
	if !v.IsWhollyKnown() {
		return "not known"
	}
	return strings.Join(strings.Fields(string(hclwrite.TokensForValue(v).Bytes())), " ")
}
