package planner

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
	"github.com/hashicorp/hcl/v2"
)

// report collects diagnostics, each once however many targets meet it.
type report struct {
	diags hcl.Diagnostics
	seen  map[string]bool
}

func (r *report) fail(at hcl.Range, summary, format string, args ...any) {
	r.failIn(at, nil, summary, format, args...)
}

// failIn also shows the lines of a wider place around the fault.
func (r *report) failIn(at hcl.Range, around *hcl.Range, summary, format string, args ...any) {
	detail := fmt.Sprintf(format, args...)
	key := fmt.Sprintf("%v\x00%s\x00%s", at, summary, detail)
	if r.seen[key] {
		return
	}
	if r.seen == nil {
		r.seen = map[string]bool{}
	}
	r.seen[key] = true
	r.diags = append(r.diags, &hcl.Diagnostic{
		Severity: hcl.DiagError, Summary: summary, Detail: detail, Subject: &at, Context: around,
	})
}

// suggestion is a sentence that names the closest of the known names, or "".
func suggestion(given string, known []string) string {
	best, least := "", len(given)/3+2
	for _, k := range known {
		d := levenshtein.Distance(strings.ToLower(given), strings.ToLower(k), nil)
		if d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" Did you mean %q?", best)
}

// list joins names for a sentence, cut to the first twenty.
func list(names []string) string {
	const most = 20
	quoted := make([]string, 0, min(len(names), most))
	for _, n := range names[:min(len(names), most)] {
		quoted = append(quoted, fmt.Sprintf("%q", n))
	}
	s := strings.Join(quoted, ", ")
	if len(names) > most {
		s += fmt.Sprintf(" and %d more", len(names)-most)
	}
	return s
}

func sortedUnique(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}
