package config

import (
	"github.com/hashicorp/hcl/v2"
)

// addCompose enters the services of the Compose files as targets.
func (d *Definition) addCompose() hcl.Diagnostics { return nil }

// isCompose reports whether a text is a Compose file.
func isCompose(filename string, src []byte, opts *Options) bool { return false }
