package config

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/orch-build/orch/internal/suggest"
	"github.com/orch-build/orch/schema"
)

// Override changes one attribute of the targets that a pattern matches.
type Override struct {
	Pattern string // a target's name, or a pattern as path.Match reads it
	Key     string // such as "tag" or "arg", never an alias
	Sub     string // the name behind the key, for arg.NAME and its like
	HasSub  bool
	Append  bool // "+=": put behind what is there
	Value   string
	// HasValue is false for arg.NAME without "=", which takes the value of
	// that name from the environment.
	HasValue bool
	// Text is the override as it was written.
	Text string
}

// ParseOverride reads PATTERN.KEY[.SUB][+]=VALUE, the form of --set. The names
// of imported targets have dots, so the first part that is a key counts as it.
func ParseOverride(text string) (Override, error) {
	left, value, hasValue := strings.Cut(text, "=")
	left, grows := strings.CutSuffix(left, "+")
	parts := splitOverride(left)
	if len(parts) < 2 {
		return Override{}, fmt.Errorf("%q is not of the form TARGET.KEY=VALUE", text)
	}
	o := Override{
		Pattern: parts[0], Key: parts[1], Append: grows,
		Value: value, HasValue: hasValue, Text: text,
	}
	if len(parts) == 3 {
		o.Sub, o.HasSub = parts[2], true
	}
	key := findSetKey(o.Key, o.HasSub)
	switch {
	case !hasValue && (key == nil || !key.FromEnv):
		return o, fmt.Errorf("%q lacks a value: write %s=VALUE", text, text)
	case key == nil:
		return o, nil
	case key.Shape == schema.Named && !o.HasSub:
		return o, fmt.Errorf("%q needs a name: write %s.%s.NAME=VALUE", text, o.Pattern, o.Key)
	case key.Shape != schema.Named && o.HasSub:
		return o, fmt.Errorf("%q has a name too many: write %s.%s=VALUE", text, o.Pattern, o.Key)
	case key.NoAppend && grows:
		return o, fmt.Errorf("%q cannot be appended to: write = instead of +=", o.Key+"."+o.Sub)
	}
	o.Key = key.Name
	return o, nil
}

// clears says whether an override empties a list: KEY= without a value. What
// is set before it does not count, what is set behind it does.
func (o *Override) clears() bool {
	if o.Append || o.Value != "" {
		return false
	}
	key := findSetKey(o.Key, o.HasSub)
	return key != nil && key.Shape == schema.Listed
}

// splitOverride returns the pattern, the key, and what follows the key, if
// anything does.
func splitOverride(left string) []string {
	parts := strings.Split(left, ".")
	for i := 1; i < len(parts); i++ {
		last := i == len(parts)-1
		key := findSetKey(parts[i], !last)
		if key == nil || !last && key.Shape != schema.Named && findSetKey(parts[i+1], i+1 < len(parts)-1) != nil {
			continue
		}
		out := []string{strings.Join(parts[:i], "."), parts[i]}
		if i < len(parts)-1 {
			out = append(out, strings.Join(parts[i+1:], "."))
		}
		return out
	}
	return strings.SplitN(left, ".", 3)
}

// applyFunc changes the value of an attribute; v may be nil.
type applyFunc func(v any, o *override) (any, error)

// setKey is a key of --set.
type setKey struct {
	schema.SetKey
	apply applyFunc // nil leaves it to the attribute's kind
}

// findSetKey returns the key of that name, or nil. Where there are two, such
// as secret= and secret.ID=, sub says whether a name follows.
func findSetKey(name string, sub bool) *setKey {
	var found *setKey
	for i := range attributes {
		for j := range attributes[i].set {
			key := &attributes[i].set[j]
			if key.Name != name && !slices.Contains(key.Aliases, name) {
				continue
			}
			if (key.Shape == schema.Named) == sub {
				return key
			}
			found = key
		}
	}
	return found
}

// override is what all overrides of one key ask of one target.
type override struct {
	key, sub string
	hasSub   bool
	clear    bool // what the files say does not count
	append   bool // the last one decides
	values   []string
	text     string // the last one as it was written
}

// value returns the value that counts for a key with a single one.
func (o *override) value() string {
	if len(o.values) == 0 {
		return ""
	}
	return o.values[len(o.values)-1]
}

// overrides holds what is overridden in one target.
type overrides []*override

func (os *overrides) add(o *Override) {
	i := slices.IndexFunc(*os, func(e *override) bool { return e.key == o.Key && e.sub == o.Sub && e.hasSub == o.HasSub })
	if i < 0 {
		i = len(*os)
		*os = append(*os, &override{key: o.Key, sub: o.Sub, hasSub: o.HasSub})
	}
	e := (*os)[i]
	e.text = o.Text
	if o.clears() {
		e.clear, e.append, e.values = true, false, nil
		return
	}
	e.append = o.Append && !e.clear
	e.values = append(e.values, o.Value)
}

// matchOverrides decides which overrides each target gets.
func (d *Definition) matchOverrides() hcl.Diagnostics {
	var diags hcl.Diagnostics
	d.overrides = map[string]*overrides{}
	for i := range d.opts.Overrides {
		o := d.opts.Overrides[i]
		if !o.HasValue && !d.opts.NoEnvVars {
			v, ok := d.opts.env(o.Sub)
			if !ok {
				continue
			}
			o.Value = v
		}
		names, diag := d.matchTargets(o)
		if diag != nil {
			diags = append(diags, diag)
		}
		for _, name := range names {
			if d.overrides[name] == nil {
				d.overrides[name] = &overrides{}
			}
			d.overrides[name].add(&o)
		}
	}
	return diags
}

// matchTargets returns the names of the targets that an override is for.
func (d *Definition) matchTargets(o Override) ([]string, *hcl.Diagnostic) {
	if name := d.spelled(o.Pattern); d.targets[o.Pattern] != nil {
		return []string{o.Pattern}, nil
	} else if len(d.imports) > 0 && d.targets[name] != nil {
		return []string{name}, nil
	}
	var names []string
	for _, name := range d.targetNames {
		ok, err := path.Match(o.Pattern, name)
		if err != nil {
			return nil, setError(o.Text, fmt.Sprintf("%q is not a pattern: %v.", o.Pattern, err))
		}
		if ok {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		detail := fmt.Sprintf("No target matches %q.", o.Pattern)
		if g := d.ev.groups[o.Pattern]; g != nil {
			detail += fmt.Sprintf(" It is the name of a group of %s: write %s.", some(g.Targets, 5), d.setPattern(o.Pattern, g.Targets))
		} else {
			detail += suggest.Sentence(o.Pattern, d.targetNames)
		}
		return nil, setError(o.Text, detail)
	}
	return names, nil
}

// setPattern is what --set takes for the members of a group: a pattern where
// all have the group's name in front, and no other target has.
func (d *Definition) setPattern(group string, members []string) string {
	pattern := group + "-*"
	if slices.Equal(slices.Sorted(slices.Values(d.matchOnlyTargets(pattern))), slices.Sorted(slices.Values(members))) {
		return fmt.Sprintf("%q", pattern)
	}
	return "one of them, or a pattern"
}

// setError is a diagnostic about an override, which stands in no file.
func setError(text, detail string) *hcl.Diagnostic {
	return &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  fmt.Sprintf("Wrong override %q", text),
		Detail:   detail,
	}
}

// override applies the overrides of one target to its attributes.
func (r *resolved) override(os *overrides) hcl.Diagnostics {
	if os == nil {
		return nil
	}
	var diags hcl.Diagnostics
	known := 0
	for i := range attributes {
		for j := range attributes[i].set {
			key := &attributes[i].set[j]
			for _, o := range *os {
				if o.key != key.Name || o.hasSub != (key.Shape == schema.Named) {
					continue
				}
				known++
				if err := r.overrideOne(i, key, o); err != nil {
					diags = append(diags, setError(o.text, sentence(err)))
				}
			}
		}
	}
	if known == len(*os) {
		return diags
	}
	for _, o := range *os {
		if findSetKey(o.key, o.hasSub) == nil {
			diags = append(diags, setError(o.text, unknownKey(o.key)))
		}
	}
	return diags
}

func (r *resolved) overrideOne(attr int, key *setKey, o *override) error {
	apply := key.apply
	if apply == nil {
		apply = attributes[attr].kind.override
	}
	old := r.values[attr]
	if o.clear {
		old = nil
	}
	v, err := apply(old, o)
	if err != nil {
		return err
	}
	if o.clear && len(o.values) == 0 {
		v = nil // not written, so that it does not hide what another parent has
	}
	r.values[attr] = v
	r.forget(attributes[attr].Name, o.sub)
	return nil
}

// unknownKey says that there is no such key, and what might have been meant.
func unknownKey(key string) string {
	var keys []string
	for i := range attributes {
		a := &attributes[i]
		for _, k := range a.set {
			keys = append(keys, k.Name)
			if key == k.Name+"s" {
				return fmt.Sprintf("There is no key %q. Did you mean %q?", key, k.Name)
			}
		}
		if a.Name == key {
			return fmt.Sprintf("The attribute %q cannot be overridden.", key)
		}
	}
	detail := fmt.Sprintf("There is no key %q.", key)
	if meant := suggest.Sentence(key, keys); meant != "" {
		return detail + meant
	}
	keys = unique(keys)
	slices.Sort(keys)
	return detail + " There are " + strings.Join(keys, ", ") + "."
}

// sentence writes an error as a sentence. A path or a name that it begins with
// stays as it is.
func sentence(err error) string {
	s := err.Error()
	if s == "" {
		return s
	}
	s = strings.TrimSuffix(s, ".") + "."
	first, _, _ := strings.Cut(s, " ")
	if strings.ContainsAny(strings.TrimRight(first, ".,:"), "./\\_:[") {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
