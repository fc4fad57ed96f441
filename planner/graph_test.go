package planner

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// graphText shows all that a plan holds, but the IDs and the bytes.
func graphText(p *Plan) string {
	var b strings.Builder
	for _, v := range p.Graph.Vertices {
		fmt.Fprintf(&b, "%s %s", v.Kind, v.Name)
		if v.Platform != "" {
			fmt.Fprintf(&b, " %s", v.Platform)
		}
		if v.Range.Start.Line > 0 {
			fmt.Fprintf(&b, " (%s:%d-%d)", v.Range.Filename, v.Range.Start.Line, v.Range.End.Line)
		}
		fmt.Fprintf(&b, " for %s\n", strings.Join(v.Targets, ", "))
		for _, k := range slices.Sorted(maps.Keys(v.Args.Map())) {
			fmt.Fprintf(&b, "  arg %s=%s\n", k, v.Args.Map()[k])
		}
		for _, e := range v.Inputs {
			fmt.Fprintf(&b, "  %s %s %s", e.Why, e.From.Name, e.From.Platform)
			if e.Paths != nil {
				fmt.Fprintf(&b, " %q", e.Paths)
			}
			b.WriteString("\n")
		}
		for i, s := range v.Steps {
			fmt.Fprintf(&b, "  [%d/%d] %s\n", i+1, len(v.Steps), s.Text)
		}
	}
	for _, l := range p.Locals {
		fmt.Fprintf(&b, "local %s", l.Dir)
		if l.Excludes != nil {
			fmt.Fprintf(&b, " without %q", l.Excludes)
		}
		if l.Paths == nil {
			b.WriteString(": all\n")
		} else {
			fmt.Fprintf(&b, ": %q\n", l.Paths)
		}
	}
	for _, n := range p.Builds {
		fmt.Fprintf(&b, "build %s", n.Name())
		if !n.Wanted {
			b.WriteString(" (linked)")
		}
		for _, v := range n.Stages {
			fmt.Fprintf(&b, ", %s %s", v.Name, v.Platform)
		}
		for _, in := range n.Inputs {
			fmt.Fprintf(&b, ", after %s", in.Name())
		}
		b.WriteString("\n")
	}
	return b.String()
}

// GraphText is for the tests outside of the package.
var GraphText = graphText
