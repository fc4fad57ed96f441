package decide

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config/attribute"
)

// Grant gives a target the entitlements of one that it links to.
func (d *Draft) Grant(to *Draft) {
	needed, _ := to.Values[attribute.AtEntitlements].([]string)
	if len(needed) == 0 {
		return
	}
	granted, _ := d.Values[attribute.AtEntitlements].([]string)
	d.Values[attribute.AtEntitlements] = attribute.Unique(slices.Concat(granted, needed))
}

// CheckPlatforms reports a target that is built for a platform that its
// linked target is not built for.
func (d *Draft) CheckPlatforms(to *Draft, at hcl.Range) *hcl.Diagnostic {
	mine, theirs := attribute.BuiltFor(d.Values[attribute.AtPlatforms]), attribute.BuiltFor(to.Values[attribute.AtPlatforms])
	if len(mine) < 2 || len(theirs) < 2 {
		return nil
	}
	// Which platform the builder's own is, is not known here.
	has := map[string]bool{"local": true}
	for _, p := range theirs {
		if p.Builder {
			return nil
		}
		has[p.String()] = true
	}
	var missing []string
	for _, p := range mine {
		if !has[p.String()] {
			missing = append(missing, p.String())
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  "Linked target lacks a platform",
		Detail: fmt.Sprintf("%s is built for %s, and %s, to which it links, is not.",
			d.Name, strings.Join(missing, ", "), to.Name),
		Subject: at.Ptr(),
	}
}
