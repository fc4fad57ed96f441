package config

import (
	"errors"
	"maps"
	"path"
	"path/filepath"
	"strings"

	"github.com/zclconf/go-cty/cty"
)

// place is a context as it was written, with the folder that a relative path
// starts from; base is "" for the working directory.
type place struct {
	raw, base string
	// remote is where the place is in the tree of a remote definition, "" if it
	// is not there.
	remote     string
	remoteKind ContextKind
}

// places holds named contexts.
type places map[string]place

// contextKind is the attribute "context".
type contextKind struct{ text }

func (k contextKind) decode(v cty.Value) (any, error) {
	s, err := k.text.decode(v)
	if err != nil {
		return nil, err
	}
	return place{raw: s.(string)}, nil
}

func (k contextKind) encode(v any) cty.Value {
	if v == nil {
		return k.text.encode(nil)
	}
	return k.text.encode(v.(place).raw)
}

func (contextKind) override(_ any, o *override) (any, error) {
	if o.value() == "-" {
		return nil, errContextStdin
	}
	return place{raw: o.value()}, nil
}

var errContextStdin = errors.New(`it cannot be "-": a definition has no context on standard input`)

func (contextKind) show(v any) any {
	return v.(place).shown()
}

// contextMap is the attribute "contexts".
type contextMap struct{}

func (contextMap) decode(v cty.Value) (any, error) {
	m, err := stringMap(v)
	if err != nil {
		return nil, err
	}
	out := make(places, len(m))
	for name, s := range m {
		if s == nil {
			return nil, cty.IndexStringPath(name).NewErrorf("the context %q is null", name)
		}
		out[name] = place{raw: *s}
	}
	return out, nil
}

func (contextMap) encode(v any) cty.Value {
	if v == nil {
		return cty.NullVal(cty.Map(cty.String))
	}
	m := v.(places)
	if len(m) == 0 {
		return cty.MapValEmpty(cty.String)
	}
	vals := make(map[string]cty.Value, len(m))
	for k, p := range m {
		vals[k] = cty.StringVal(p.raw)
	}
	return cty.MapVal(vals)
}

func (contextMap) merge(earlier, later any) any {
	out := maps.Clone(earlier.(places))
	maps.Copy(out, later.(places))
	return out
}

// normalize removes the contexts whose value is "".
func (contextMap) normalize(v any) any {
	m := v.(places)
	for _, p := range m {
		if p.raw == "" {
			out := maps.Clone(m)
			maps.DeleteFunc(out, func(_ string, p place) bool { return p.raw == "" })
			return out
		}
	}
	return m
}

func (contextMap) override(v any, o *override) (any, error) {
	old, _ := v.(places)
	out := make(places, len(old)+1)
	maps.Copy(out, old)
	out[o.sub] = place{raw: o.value()}
	return out, nil
}

func (contextMap) show(v any) any {
	m := v.(places)
	if len(m) == 0 {
		return nil
	}
	out := make(map[string]string, len(m))
	for k, p := range m {
		out[k] = p.located()
		if kind, name := classify(out[k]); kind == LinkedTarget {
			out[k] = linkScheme + printedName(name)
		}
	}
	return out
}

func (m places) contexts() map[string]Context {
	if len(m) == 0 {
		return nil
	}
	out := make(map[string]Context, len(m))
	for k, p := range m {
		out[k] = p.context()
	}
	return out
}

// located returns the place as seen from the working directory.
func (p place) located() string {
	if p.base == "" || p.raw == "" || filepath.IsAbs(p.raw) || strings.HasPrefix(p.raw, cwdScheme) {
		return p.raw
	}
	if kind, _ := classify(p.raw); kind != Local {
		return p.raw
	}
	return filepath.ToSlash(filepath.Join(p.base, filepath.FromSlash(p.raw)))
}

// shown returns the place as --print shows the context of a target.
func (p place) shown() string {
	s := p.located()
	if p.remote != "" {
		return p.remote
	}
	if kind, _ := classify(s); kind == Git || kind == HTTP {
		return s
	}
	return path.Clean(strings.TrimPrefix(s, cwdScheme))
}

// context reads the place into its kind.
func (p place) context() Context {
	if p.remote != "" {
		return Context{Kind: p.remoteKind, Value: p.remote, Raw: p.raw}
	}
	kind, value := classify(p.located())
	if kind == Local {
		value = path.Clean(value)
	}
	return Context{Kind: kind, Value: value, Raw: p.raw}
}

const (
	cwdScheme  = "cwd://"
	linkScheme = "target:"
)

// schemes are the prefixes that say what a context is.
var schemes = []struct {
	prefix string
	kind   ContextKind
}{
	{linkScheme, LinkedTarget},
	{"docker-image://", Image},
	{"oci-layout://", OCILayout},
	{cwdScheme, Local},
}

// classify reads what a context is from the way it is written.
func classify(s string) (ContextKind, string) {
	for _, scheme := range schemes {
		if rest, ok := strings.CutPrefix(s, scheme.prefix); ok {
			return scheme.kind, rest
		}
	}
	if kind, ok := remoteKind(s); ok {
		return kind, s
	}
	return Local, s
}
