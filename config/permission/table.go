package permission

import (
	"fmt"
	"slices"
	"strings"

	"github.com/orch-build/orch/schema"
)

// Table is what a definition can name and which permissions that may take, as
// a table in Markdown.
func Table() string {
	var b strings.Builder
	b.WriteString("| a definition names | it may take | in which cases | judged |\n|---|---|---|---|\n")
	for _, r := range rules() {
		name, judged := r.name, "before a build"
		if !strings.Contains(name, " ") && !strings.HasPrefix(name, "`") {
			name = "`" + name + "`"
		}
		switch {
		case r.needs == nil:
			judged = "when it is read, by every command"
		case r.first == inPlan:
			judged = "before a build and a plan"
		case r.first == inFetch:
			judged = "before a build, and before a remote context of the target is fetched"
		}
		keys := make([]string, len(r.keys))
		for i, k := range r.keys {
			keys[i] = "`" + k + "`"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", name, strings.Join(keys, ", "), r.when, judged)
	}
	var names []string
	for _, a := range schema.TargetAttributes() {
		if a.Permission == schema.NoPermission {
			names = append(names, a.Name)
		}
	}
	slices.Sort(names)
	fmt.Fprintf(&b, "\nThe other attributes of a target take none: `%s`.\n", strings.Join(names, "`, `"))
	return b.String()
}
