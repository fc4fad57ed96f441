package report

import (
	"fmt"
	"strings"

	"github.com/orch-build/orch/internal/termtext"
)

// CacheFaults says which caches were not read or written: a warning, or
// an error for those that the definition requires. Caches with the same reason
// share a line.
func (p *Printer) CacheFaults() {
	w := p.Out
	type kind struct {
		read, required bool
		reason         string
	}
	var order []kind
	where := map[kind][]string{}
	var absent []string
	for _, f := range p.Run.Caches {
		if f.Absent {
			absent = append(absent, f.Where)
			continue
		}
		reason := strings.TrimPrefix(PlainError(f.Err), f.Where+": ")
		k := kind{f.Read, f.Required, withoutTag(reason, f.Where)}
		if where[k] == nil {
			order = append(order, k)
		}
		where[k] = append(where[k], f.Where)
	}
	if len(absent) > 0 {
		fmt.Fprintf(w, "No cache there yet: %s\n", SomeNames(absent))
	}
	for _, k := range order {
		label, verb := "Warning", "written"
		if k.required {
			label = "Error"
		}
		if k.read {
			verb = "read"
		}
		fmt.Fprintln(w, termtext.Fold(w, fmt.Sprintf("%s: cache not %s: %s: %s", label, verb, SomeNames(where[k]), k.reason)))
	}
}

// withoutTag takes the tag of a cache off the addresses in a reason, which is
// the same for its other tags then.
func withoutTag(reason, where string) string {
	return strings.ReplaceAll(reason, "/manifests/"+where[strings.LastIndex(where, ":")+1:], "")
}

// SomeNames lists the first three of names and counts the others.
func SomeNames(names []string) string {
	const most = 3
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
