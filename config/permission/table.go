package permission

import (
	"fmt"
	"strings"
)

// harmless are the attributes of a target that name neither a file of this
// machine nor a privilege.
var harmless = []string{
	"annotations", "args", "attest", "call", "context-modes", "description", "dockerfile-inline", "exclusive", "extra-hosts",
	"inherits", "labels", "matrix", "name", "no-cache", "no-cache-filter", "platforms", "pull", "reproducible", "resources",
	"retry", "shm-size", "tags", "target", "traits", "ulimits", "weight",
}

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
		case r.planned:
			judged = "before a build and a plan"
		}
		keys := make([]string, len(r.keys))
		for i, k := range r.keys {
			keys[i] = "`" + k + "`"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", name, strings.Join(keys, ", "), r.when, judged)
	}
	names := make([]string, len(harmless))
	for i, n := range harmless {
		names[i] = "`" + n + "`"
	}
	fmt.Fprintf(&b, "\nThe other attributes of a target take none: %s.\n", strings.Join(names, ", "))
	return b.String()
}
