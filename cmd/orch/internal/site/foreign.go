package site

import (
	"fmt"
	"strings"

	"github.com/orch-build/orch/planner"
)

// Foreign says which targets are built for another platform than this
// machine, without having named any; "" if none are.
func Foreign(plan *planner.Plan, site, own, local string) string {
	if own == "" || own == local {
		return ""
	}
	var names []string
	for _, b := range plan.Builds {
		if b.Wanted && len(b.Platforms) == 0 {
			names = append(names, b.Name())
		}
	}
	if len(names) == 0 {
		return ""
	}
	const most = 5
	if more := len(names) - most; more > 0 {
		names = append(names[:most], fmt.Sprintf("and %d more", more))
	}
	return fmt.Sprintf("%s does not have the platform of this machine (%s): targets that name no platform are built for %s (%s)", site, local, own, strings.Join(names, ", "))
}
