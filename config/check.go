package config

import (
	"github.com/hashicorp/hcl/v2"
)

// checkTarget reports values that cannot be built.
func (d *Definition) checkTarget(r *resolved) hcl.Diagnostics {
	return nil
}
