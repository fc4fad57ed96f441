package config

import (
	"github.com/hashicorp/hcl/v2"
	"go.yaml.in/yaml/v3"
)

// servicePlaces finds where the services of one Compose file stand. A file
// that is not YAML has none; the loader says what is wrong with it.
func servicePlaces(filename string, src []byte) map[string]hcl.Range {
	var doc yaml.Node
	if err := yaml.Unmarshal(src, &doc); err != nil || len(doc.Content) == 0 {
		return nil
	}
	out := map[string]hcl.Range{}
	services := valueOfKey(doc.Content[0], "services")
	if services == nil || services.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(services.Content); i += 2 {
		key := services.Content[i]
		start := hcl.Pos{Line: key.Line, Column: key.Column}
		end := start
		end.Column += len(key.Value)
		out[key.Value] = hcl.Range{Filename: filename, Start: start, End: end}
	}
	return out
}

// valueOfKey returns the value of a key in a mapping, or nil.
func valueOfKey(n *yaml.Node, key string) *yaml.Node {
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}
