package print

import (
	"strings"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
)

// plain are the attributes of a target that a plan shows as they are written, in
// text and in JSON, by their names in the language. One without a value is left out.
var plain = []struct {
	name  string
	value func(t *config.Target) string
}{
	{"network", func(t *config.Target) string { return t.Network }},
	{"shm-size", func(t *config.Target) string { return t.ShmSize }},
	{"ulimits", func(t *config.Target) string { return strings.Join(t.Ulimits, ", ") }},
}

// plainRows are the rows of a target's plain attributes.
func plainRows(b *planner.Build) [][2]string {
	var out [][2]string
	for _, a := range plain {
		if v := a.value(b.Target); v != "" {
			out = append(out, [2]string{a.name, v})
		}
	}
	return out
}

// plainMap are the same for programs; nil if there are none.
func (d *documenting) plainMap(b *planner.Build) map[string]string {
	var out map[string]string
	for _, row := range plainRows(b) {
		if out == nil {
			out = map[string]string{}
		}
		out[row[0]] = d.opt.mask(row[1])
	}
	return out
}
