package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// Print writes the configuration as bake's JSON: the groups and targets
// by name, each target with what was written or follows from it. Values of
// sensitive variables are masked, what a target holds itself is not, so that
// the result can be built from; and the dots of imported names are written
// as "_", because bake's names have none.
func Print(w io.Writer, cfg *Config) error {
	var targets, groups object
	for _, t := range cfg.Targets {
		targets = append(targets, property{printedName(t.Name), t.shown()})
	}
	for _, g := range cfg.Groups {
		groups = append(groups, property{printedName(g.Name), g.shown()})
	}
	var out object
	if len(groups) > 0 {
		out = append(out, property{"group", groups})
	}
	out = append(out, property{"target", targets})
	src, err := json.MarshalIndent(out, "", "  ")
	if err == nil {
		_, err = io.WriteString(w, maskJSON(string(src), cfg.sensitive)+"\n")
	}
	if err != nil {
		return fmt.Errorf("printing the definition: %w", err)
	}
	return nil
}

func (g *Group) shown() object {
	var out object
	if g.Description != "" {
		out = append(out, property{"description", g.Description})
	}
	return append(out, property{"targets", mapEntries(g.Targets, printedName)})
}

func (t *Target) shown() object {
	var out object
	for i := range attributes {
		if t.written[i] == nil || !attributes[i].Printed() {
			continue
		}
		if v := attributes[i].kind.show(t.written[i]); v != nil {
			out = append(out, property{attributes[i].Name, v})
		}
	}
	return out
}

// object is a JSON object whose properties keep their order.
type object []property

type property struct {
	name  string
	value any
}

// MarshalJSON writes the properties in their order.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, p := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(p.name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(p.value)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}
