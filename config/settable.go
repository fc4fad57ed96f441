package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/config/eval"
	"github.com/orch-build/orch/internal/suggest"
	"github.com/orch-build/orch/schema"
)

// unknownVars reports values of --var for which no file has a variable. With
// Compose files any name may be one that they interpolate.
func (d *Definition) unknownVars() hcl.Diagnostics {
	if slices.ContainsFunc(d.files, func(f *schema.File) bool { return f.Syntax == schema.Compose }) {
		return nil
	}
	known := d.settable()
	var diags hcl.Diagnostics
	for _, name := range attribute.SortedKeys(d.opts.Vars) {
		if slices.Contains(known, strings.TrimSuffix(name, eval.JSONSuffix)) || slices.Contains(known, name) {
			continue
		}
		detail := fmt.Sprintf("--var %s: no file has a variable %q.%s", name, name, suggest.Sentence(name, known))
		if c := d.ev.Constant(name); c != nil {
			detail = fmt.Sprintf("--var %s: %q is a constant, at %s:%d. Write variable %q { default = … } for what can be set.",
				name, name, c.Range.Filename, c.Range.Start.Line, name)
		} else if len(known) > 0 {
			detail += " There are: " + some(known, 20) + "."
		}
		diags = append(diags, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Unknown variable", Detail: detail})
	}
	return diags
}

// settable lists the names that --var can set: those of the imported files with
// and without their namespace.
func (d *Definition) settable() []string {
	var out []string
	for _, name := range d.ev.VariableNames() {
		if d.mod.prefix != "" {
			out = append(out, d.mod.prefix+name)
		}
		out = append(out, name)
	}
	for _, im := range d.imports {
		out = append(out, im.settable()...)
	}
	return attribute.Unique(out)
}
