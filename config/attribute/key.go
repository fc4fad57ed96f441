package attribute

import (
	"fmt"
	"slices"
	"strings"

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
	key := FindSetKey(o.Key, o.HasSub)
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
	key := FindSetKey(o.Key, o.HasSub)
	return key != nil && key.Shape == schema.Listed
}

// splitOverride returns the pattern, the key, and what follows the key, if
// anything does.
func splitOverride(left string) []string {
	parts := strings.Split(left, ".")
	for i := 1; i < len(parts); i++ {
		last := i == len(parts)-1
		key := FindSetKey(parts[i], !last)
		if key == nil || !last && key.Shape != schema.Named && FindSetKey(parts[i+1], i+1 < len(parts)-1) != nil {
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
type applyFunc func(v any, o *Change) (any, error)

// SetKey is a key of --set.
type SetKey struct {
	schema.SetKey
	Apply applyFunc // nil leaves it to the attribute's kind
}

// FindSetKey returns the key of that name, or nil. Where there are two, such
// as secret= and secret.ID=, sub says whether a name follows.
func FindSetKey(name string, sub bool) *SetKey {
	var found *SetKey
	for i := range Attributes {
		for j := range Attributes[i].Keys {
			key := &Attributes[i].Keys[j]
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

// Change is what all overrides of one key ask of one target.
type Change struct {
	Key, Sub string
	HasSub   bool
	Clear    bool // what the files say does not count
	append   bool // the last one decides
	Values   []string
	Text     string // the last one as it was written
}

// value returns the value that counts for a key with a single one.
func (o *Change) value() string {
	if len(o.Values) == 0 {
		return ""
	}
	return o.Values[len(o.Values)-1]
}

// Overrides holds what is overridden in one target.
type Overrides []*Change

// Add enters an override; of those with the same key it makes one.
func (os *Overrides) Add(o *Override) {
	i := slices.IndexFunc(*os, func(e *Change) bool { return e.Key == o.Key && e.Sub == o.Sub && e.HasSub == o.HasSub })
	if i < 0 {
		i = len(*os)
		*os = append(*os, &Change{Key: o.Key, Sub: o.Sub, HasSub: o.HasSub})
	}
	e := (*os)[i]
	e.Text = o.Text
	if o.clears() {
		e.Clear, e.append, e.Values = true, false, nil
		return
	}
	e.append = o.Append && !e.Clear
	e.Values = append(e.Values, o.Value)
}

// UnknownKey says that there is no such key, and what might have been meant.
func UnknownKey(key string) string {
	var keys []string
	for i := range Attributes {
		a := &Attributes[i]
		for _, k := range a.Keys {
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
	keys = Unique(keys)
	slices.Sort(keys)
	return detail + " There are " + strings.Join(keys, ", ") + "."
}

// Sentence writes an error as a sentence. A path or a name that it begins with
// stays as it is.
func Sentence(err error) string {
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
