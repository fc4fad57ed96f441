package config

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// local gives the values of a block of an imported file the names and paths
// that they have in the whole definition: the file's namespace comes before
// the names of targets, and its folder before relative paths. Contexts have
// their folder already.
func (m *module) local(v *values, base string) {
	if !m.imported {
		return
	}
	if parents, ok := v[atInherits].([]string); ok {
		v[atInherits] = m.qualified(parents)
	}
	if contexts, ok := v[atContexts].(places); ok {
		v[atContexts] = m.links(contexts)
	}
	inFolder := func(p string) string { return fromFolder(base, p) }
	v[atOutput] = mapEntries(v[atOutput], func(e Entry) Entry { return e.moved("dest", inFolder) })
	for _, name := range []string{"cache-from", "cache-to"} {
		v[attributeIndex(name)] = mapEntries(v[attributeIndex(name)], func(e Entry) Entry {
			if e.Type != "local" {
				return e
			}
			return e.moved("src", inFolder).moved("dest", inFolder)
		})
	}
	if c, ok := v[atCache].(cacheSettings); ok {
		v[atCache] = c.in(base)
	}
	v[atSecret] = mapEntries(v[atSecret], func(s Secret) Secret { s.Src = inFolder(s.Src); return s })
	v[atSSH] = mapEntries(v[atSSH], func(s SSH) SSH {
		s.Paths = slices.Clone(s.Paths)
		for i, p := range s.Paths {
			s.Paths[i] = inFolder(p)
		}
		return s
	})
	v[atPolicy] = mapEntries(v[atPolicy], func(p Policy) Policy {
		p.Files = slices.Clone(p.Files)
		for i := range p.Files {
			p.Files[i].imported, p.Files[i].base = true, base
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
func (m *module) links(contexts places) places {
	out := maps.Clone(contexts)
	for key, p := range out {
		if kind, name := classify(p.raw); kind == LinkedTarget {
			p.raw = linkScheme + m.prefix + name
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
func (e Entry) moved(key string, move func(string) string) Entry {
	if e.Attrs[key] == "" {
		return e
	}
	e = e.clone()
	e.Attrs[key] = move(e.Attrs[key])
	return e
}

// fromFolder returns a path that starts from a folder; "-" is no path, and
// "cwd://" marks one that starts from the working directory.
func fromFolder(base, p string) string {
	if rest, ok := strings.CutPrefix(p, cwdScheme); ok {
		return rest
	}
	if p == "" || p == "-" || filepath.IsAbs(p) || strings.HasPrefix(p, `\\`) {
		return p
	}
	return filepath.ToSlash(filepath.Join(base, p))
}

// printedName is how a name is written for bake, whose names have no
// dots. On the command line both spellings are understood.
func printedName(name string) string { return strings.ReplaceAll(name, ".", "_") }

// spelled returns the name of a target or group that was typed: as it is, or
// with its dots written as "_".
func (d *Definition) spelled(name string) string {
	if d.targets[name] != nil || d.ev.groups[name] != nil {
		return name
	}
	printed := printedName(name)
	if len(d.imports) > 0 {
		for _, known := range slices.Concat(d.groupNames, d.targetNames) {
			if printedName(known) == printed {
				return known
			}
		}
	}
	return printed
}

// checkSpellings reports names that differ only in "." and "_": --print and
// the command line could not tell them apart.
func (d *Definition) checkSpellings() hcl.Diagnostics {
	var diags hcl.Diagnostics
	seen := map[string]string{}
	for _, name := range slices.Concat(d.groupNames, d.targetNames) {
		printed := printedName(name)
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

// placeOf returns where a group or target stands.
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
