package config

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/schema"
)

// Masked takes the place of a sensitive value.
const Masked = "<sensitive>"

// wholeOnly is the length in bytes below which a sensitive value is masked only
// where it is the whole text: masking every "1" would give away more than it hides.
const wholeOnly = 4

// Mask returns a text with the values of sensitive variables, and passwords and
// tokens of targets, made unreadable.
func (c *Config) Mask(s string) string { return mask(s, c.Sensitive()) }

func mask(s string, sensitive []string) string {
	for _, v := range sensitive {
		switch {
		case s == v:
			return Masked
		case len(v) >= wholeOnly:
			s = strings.ReplaceAll(s, v, Masked)
		}
	}
	return s
}

// maskJSON is mask for the strings in a JSON text.
func maskJSON(src string, sensitive []string) string {
	for _, v := range sensitive {
		for _, form := range []string{v, attribute.EscapeTemplate(v)} {
			quoted, err := json.Marshal(form)
			if err != nil {
				continue
			}
			if len(v) >= wholeOnly {
				src = strings.ReplaceAll(src, string(quoted[1:len(quoted)-1]), Masked)
			} else {
				src = strings.ReplaceAll(src, string(quoted), `"`+Masked+`"`)
			}
		}
	}
	return src
}

// sensitive lists the texts that must not be printed, of imported files too.
func (d *Definition) sensitive() []string {
	out := d.ev.Sensitive()
	for _, im := range d.imports {
		out = append(out, im.sensitive()...)
	}
	return out
}

// maxDetail is how many bytes the detail of a diagnostic may have. Errors in
// nested calls quote each other.
const maxDetail = 4000

// finishDiags masks and cuts what diagnostics say, and sorts them.
func finishDiags(diags hcl.Diagnostics, sensitive []string) {
	for _, d := range diags {
		d.Detail = mask(d.Detail, sensitive)
		d.Summary = mask(d.Summary, sensitive)
		if len(d.Detail) > maxDetail {
			d.Detail = strings.ToValidUTF8(d.Detail[:maxDetail], "") + "…"
		}
	}
	schema.SortDiagnostics(diags)
}

// Sensitive lists the values of sensitive variables, and passwords and tokens of
// targets, for callers that print text which does not come from this package.
func (c *Config) Sensitive() []string { return slices.Concat(c.sensitive, c.secrets) }
