package block

import (
	"maps"
	"slices"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/config/spec"
)

// namespace is what comes before the names of an imported file in the whole
// definition, such as "web."; it is "" for a file that is not imported.
type namespace string

// localize gives the values of a block of an imported file the names and paths
// that they have in the whole definition: the file's namespace comes before
// the names of targets, and its folder before relative paths. Contexts have
// their folder already.
func (n namespace) localize(v *attribute.Values, base string) {
	if n == "" {
		return
	}
	if parents, ok := v[attribute.AtInherits].([]string); ok {
		v[attribute.AtInherits] = n.qualified(parents)
	}
	if contexts, ok := v[attribute.AtContexts].(attribute.Places); ok {
		v[attribute.AtContexts] = n.links(contexts)
	}
	inFolder := func(p string) string { return attribute.FromFolder(base, p) }
	v[attribute.AtOutput] = attribute.MapEntries(v[attribute.AtOutput], func(e spec.Entry) spec.Entry { return moved(e, "dest", inFolder) })
	for _, name := range []string{"cache-from", "cache-to"} {
		v[attribute.AttributeIndex(name)] = attribute.MapEntries(v[attribute.AttributeIndex(name)], func(e spec.Entry) spec.Entry {
			if e.Type != "local" {
				return e
			}
			return moved(moved(e, "src", inFolder), "dest", inFolder)
		})
	}
	if c, ok := v[attribute.AtCache].(attribute.CacheSettings); ok {
		v[attribute.AtCache] = c.In(base)
	}
	if s, ok := v[attribute.AtSkip].(attribute.SkipSettings); ok {
		v[attribute.AtSkip] = s.In(base)
	}
	v[attribute.AtSecret] = attribute.MapEntries(v[attribute.AtSecret], func(s spec.Secret) spec.Secret { s.Src = inFolder(s.Src); return s })
	v[attribute.AtSSH] = attribute.MapEntries(v[attribute.AtSSH], func(s spec.SSH) spec.SSH {
		s.Paths = slices.Clone(s.Paths)
		for i, p := range s.Paths {
			s.Paths[i] = inFolder(p)
		}
		return s
	})
	v[attribute.AtPolicy] = attribute.MapEntries(v[attribute.AtPolicy], func(p spec.Policy) spec.Policy {
		p.Files = slices.Clone(p.Files)
		for i := range p.Files {
			p.Files[i].Imported, p.Files[i].Base = true, base
		}
		return p
	})
}

// qualified puts the namespace before the names of targets.
func (n namespace) qualified(names []string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = string(n) + name
	}
	return out
}

// links puts the namespace before the targets that contexts name.
func (n namespace) links(contexts attribute.Places) attribute.Places {
	out := maps.Clone(contexts)
	for key, p := range out {
		if kind, name := attribute.Classify(p.Raw); kind == spec.LinkedTarget {
			p.Raw = attribute.LinkScheme + string(n) + name
			out[key] = p
		}
	}
	return out
}

// moved changes one attribute of an entry, if it is there.
func moved(e spec.Entry, key string, move func(string) string) spec.Entry {
	if e.Attrs[key] == "" {
		return e
	}
	e = e.Clone()
	e.Attrs[key] = move(e.Attrs[key])
	return e
}
