package config

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/orch-build/orch/config/attribute"
)

// Print writes the configuration as bake's JSON: the groups and targets
// by name, each target with what was written or follows from it. Values of
// sensitive variables are masked, what a target holds itself is not, so that
// the result can be built from; and the dots of imported names are written
// as "_", because bake's names have none.
func Print(w io.Writer, cfg *Config) error {
	var targets, groups attribute.Object
	for _, t := range cfg.Targets {
		targets = append(targets, attribute.Property{Name: attribute.PrintedName(t.Name), Value: shownTarget(cfg.written[t.Name])})
	}
	for _, g := range cfg.Groups {
		groups = append(groups, attribute.Property{Name: attribute.PrintedName(g.Name), Value: shownGroup(g)})
	}
	var out attribute.Object
	if len(groups) > 0 {
		out = append(out, attribute.Property{Name: "group", Value: groups})
	}
	out = append(out, attribute.Property{Name: "target", Value: targets})
	src, err := json.MarshalIndent(out, "", "  ")
	if err == nil {
		// Each text is a template to whoever reads this as a definition.
		_, err = io.WriteString(w, maskJSON(attribute.EscapeTemplate(string(src)), cfg.sensitive)+"\n")
	}
	if err != nil {
		return fmt.Errorf("printing the definition: %w", err)
	}
	return nil
}

func shownGroup(g *Group) attribute.Object {
	var out attribute.Object
	if g.Description != "" {
		out = append(out, attribute.Property{Name: "description", Value: g.Description})
	}
	return append(out, attribute.Property{Name: "targets", Value: attribute.MapEntries(g.Targets, attribute.PrintedName)})
}

func shownTarget(written attribute.Values) attribute.Object {
	var out attribute.Object
	for i := range attribute.Attributes {
		if written[i] == nil || !attribute.Attributes[i].Printed() {
			continue
		}
		if v := attribute.Attributes[i].Kind.Show(written[i]); v != nil {
			out = append(out, attribute.Property{Name: attribute.Attributes[i].Name, Value: v})
		}
	}
	return out
}
