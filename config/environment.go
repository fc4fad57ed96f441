package config

import (
	"maps"
	"slices"
)

// EnvVar is a variable of the environment that gave a variable of a definition
// its value.
type EnvVar struct {
	// Name is that of the environment: NAME, or NAME_JSON.
	Name, Value string
	// Sensitive says that the value must not be shown or kept.
	Sensitive bool
}

// Environment lists the variables of the environment that the definition has
// taken values from, each once, in the order of their names.
func (c *Config) Environment() []EnvVar {
	var out []EnvVar
	for _, name := range slices.Sorted(maps.Keys(c.environment)) {
		out = append(out, c.environment[name])
	}
	return out
}

// environment lists them for the files and their imports.
func (d *Definition) environment() map[string]EnvVar {
	out := map[string]EnvVar{}
	for name, v := range d.ev.vars {
		if v.block == nil || v.source != "environment" {
			continue
		}
		text, fromJSON, ok := d.ev.outside(v)
		if !ok {
			continue
		}
		if fromJSON {
			name += jsonSuffix
		}
		out[name] = EnvVar{Name: name, Value: text, Sensitive: v.sensitive()}
	}
	for _, im := range d.imports {
		for name, v := range im.environment() {
			if have, ok := out[name]; ok {
				v.Sensitive = v.Sensitive || have.Sensitive
			}
			out[name] = v
		}
	}
	return out
}
