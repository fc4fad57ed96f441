package config

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/config/spec"
)

// local gives the values of a block of an imported file the names and paths
// that they have in the whole definition: the file's namespace comes before
// the names of targets, and its folder before relative paths. Contexts have
// their folder already.
func (m *module) local(v *attribute.Values, base string) {
	if !m.imported {
		return
	}
	if parents, ok := v[attribute.AtInherits].([]string); ok {
		v[attribute.AtInherits] = m.qualified(parents)
	}
	if contexts, ok := v[attribute.AtContexts].(attribute.Places); ok {
		v[attribute.AtContexts] = m.links(contexts)
	}
	inFolder := func(p string) string { return fromFolder(base, p) }
	v[attribute.AtOutput] = mapEntries(v[attribute.AtOutput], func(e spec.Entry) spec.Entry { return moved(e, "dest", inFolder) })
	for _, name := range []string{"cache-from", "cache-to"} {
		v[attribute.AttributeIndex(name)] = mapEntries(v[attribute.AttributeIndex(name)], func(e spec.Entry) spec.Entry {
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
		v[attribute.AtSkip] = s.In(inFolder)
	}
	v[attribute.AtSecret] = mapEntries(v[attribute.AtSecret], func(s spec.Secret) spec.Secret { s.Src = inFolder(s.Src); return s })
	v[attribute.AtSSH] = mapEntries(v[attribute.AtSSH], func(s spec.SSH) spec.SSH {
		s.Paths = slices.Clone(s.Paths)
		for i, p := range s.Paths {
			s.Paths[i] = inFolder(p)
		}
		return s
	})
	v[attribute.AtPolicy] = mapEntries(v[attribute.AtPolicy], func(p spec.Policy) spec.Policy {
		p.Files = slices.Clone(p.Files)
		for i := range p.Files {
			p.Files[i].Imported, p.Files[i].Base = true, base
		}
		return p
	})
}

// qualified puts the namespace before the names of targets.
func (m *module) qualified(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = m.prefix + n
	}
	return out
}

// links puts the namespace before the targets that contexts name.
func (m *module) links(contexts attribute.Places) attribute.Places {
	out := maps.Clone(contexts)
	for key, p := range out {
		if kind, name := attribute.Classify(p.Raw); kind == spec.LinkedTarget {
			p.Raw = attribute.LinkScheme + m.prefix + name
			out[key] = p
		}
	}
	return out
}

// mapEntries changes the elements of an attribute, if it is there.
func mapEntries[T any](v any, change func(T) T) any {
	list, ok := v.([]T)
	if !ok || list == nil {
		return v
	}
	out := make([]T, len(list))
	for i, e := range list {
		out[i] = change(e)
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

// fromFolder returns a path that starts from a folder; "-" is not a path, and
// "cwd://" marks one that starts from the working directory.
func fromFolder(base, p string) string {
	if rest, ok := strings.CutPrefix(p, attribute.CwdScheme); ok {
		return rest
	}
	if p == "" || p == "-" || filepath.IsAbs(p) || strings.HasPrefix(p, `\\`) {
		return p
	}
	return filepath.ToSlash(filepath.Join(base, p))
}

// spelled returns the name of a target or group that was typed: as it is, or
// with its dots written as "_".
func (d *Definition) spelled(name string) string {
	if d.targets[name] != nil || d.ev.groups[name] != nil {
		return name
	}
	printed := attribute.PrintedName(name)
	if len(d.imports) > 0 {
		for _, known := range slices.Concat(d.groupNames, d.targetNames) {
			if attribute.PrintedName(known) == printed {
				return known
			}
		}
	}
	return printed
}

// Has reports whether a name that is asked for, or a pattern, is that of a
// target or a group.
func (d *Definition) Has(name string) bool {
	if isPattern(name) {
		return len(d.fromPattern(d.match(name))) > 0
	}
	name = d.spelled(name)
	return d.targets[name] != nil || d.ev.groups[name] != nil
}

// checkSpellings reports names that differ only in "." and "_": --print and
// the command line could not tell them apart.
func (d *Definition) checkSpellings() hcl.Diagnostics {
	var diags hcl.Diagnostics
	seen := map[string]string{}
	for _, name := range slices.Concat(d.groupNames, d.targetNames) {
		printed := attribute.PrintedName(name)
		other, ok := seen[printed]
		if !ok || other == name {
			seen[printed] = name
			continue
		}
		diag := twice("Two targets of one name", "", d.placeOf(name), d.placeOf(other))
		diag.Detail = fmt.Sprintf("%q, at %s:%d:%d, differs from %q only in \".\" and \"_\". Give one of them another name.",
			other, d.placeOf(other).Filename, d.placeOf(other).Start.Line, d.placeOf(other).Start.Column, name)
		diags = append(diags, diag)
	}
	return diags
}

// placeOf returns where a group or target is written.
func (d *Definition) placeOf(name string) hcl.Range {
	if g := d.ev.groups[name]; g != nil {
		return g.Range
	}
	return d.targets[name].at
}

// inNamespace says that a name is the namespace of an import, and what can be
// asked for instead; it is "" for other names.
func (d *Definition) inNamespace(name string) string {
	for _, known := range d.names() {
		if strings.HasPrefix(known, name+".") {
			hint := fmt.Sprintf(" %q is an import; ask for what is in it, as in %q.", name, name+".*")
			if d.ev.groups[name+"."+defaultName] != nil || d.targets[name+"."+defaultName] != nil {
				hint = fmt.Sprintf(" %q is an import; ask for %q, or for what is in it, as in %q.", name, name+"."+defaultName, name+".*")
			}
			return hint
		}
	}
	return ""
}
