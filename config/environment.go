package config

import (
	"github.com/orch-build/orch/config/attribute"
)

// Environment lists the variables of the environment that the definition has
// taken values from, each once, in the order of their names.
func (c *Config) Environment() []EnvVar {
	var out []EnvVar
	for _, name := range attribute.SortedKeys(c.environment) {
		out = append(out, c.environment[name])
	}
	return out
}

// environment lists them for the files and their imports.
func (d *Definition) environment() map[string]EnvVar {
	out := d.ev.Environment()
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
