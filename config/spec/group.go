package spec

import "github.com/hashicorp/hcl/v2"

// Group is a named list of targets and other groups.
type Group struct {
	Name        string
	Description string
	Targets     []string
	Range       hcl.Range
}
