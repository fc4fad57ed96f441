package attribute

import (
	"errors"
	"maps"
	"path"
	"path/filepath"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/orch-build/orch/config/spec"
)

// Place is a context as it was written, with the folder that a relative path
// starts from; Base is "" for the working directory.
type Place struct {
	Raw, Base string
	// Remote is where the place is in the tree of a remote definition, "" if it
	// is not there.
	Remote     string
	RemoteKind spec.ContextKind
}

// Places holds named contexts.
type Places map[string]Place

// contextKind is the attribute "context".
type contextKind struct{ Text }

func (k contextKind) Decode(v cty.Value) (any, error) {
	s, err := k.Text.Decode(v)
	if err != nil {
		return nil, err
	}
	return Place{Raw: s.(string)}, nil
}

func (k contextKind) Encode(v any) cty.Value {
	if v == nil {
		return k.Text.Encode(nil)
	}
	return k.Text.Encode(v.(Place).Raw)
}

func (contextKind) Override(_ any, o *Change) (any, error) {
	if o.value() == "-" {
		return nil, ErrContextStdin
	}
	return Place{Raw: o.value()}, nil
}

// ErrContextStdin refuses a context that would come from standard input.
var ErrContextStdin = errors.New(`it cannot be "-": a definition has no context on standard input`)

func (contextKind) Show(v any) any {
	return v.(Place).shown()
}

// ContextMap is the attribute "contexts".
type ContextMap struct{}

// Decode reads a map of strings, of which none may be null.
func (ContextMap) Decode(v cty.Value) (any, error) {
	m, err := stringMap(v)
	if err != nil {
		return nil, err
	}
	out := make(Places, len(m))
	for name, s := range m {
		if s == nil {
			return nil, cty.IndexStringPath(name).NewErrorf("the context %q is null", name)
		}
		out[name] = Place{Raw: *s}
	}
	return out, nil
}

// Encode gives the contexts as they were written.
func (ContextMap) Encode(v any) cty.Value {
	if v == nil {
		return cty.NullVal(cty.Map(cty.String))
	}
	m := v.(Places)
	if len(m) == 0 {
		return cty.MapValEmpty(cty.String)
	}
	vals := make(map[string]cty.Value, len(m))
	for k, p := range m {
		vals[k] = cty.StringVal(p.Raw)
	}
	return cty.MapVal(vals)
}

// Merge adds the later contexts; of two with one name, the later one stays.
func (ContextMap) Merge(earlier, later any) any {
	out := maps.Clone(earlier.(Places))
	maps.Copy(out, later.(Places))
	return out
}

// Normalize removes the contexts whose value is "".
func (ContextMap) Normalize(v any) any {
	m := v.(Places)
	for _, p := range m {
		if p.Raw == "" {
			out := maps.Clone(m)
			maps.DeleteFunc(out, func(_ string, p Place) bool { return p.Raw == "" })
			return out
		}
	}
	return m
}

// Override sets one context.
func (ContextMap) Override(v any, o *Change) (any, error) {
	old, _ := v.(Places)
	out := make(Places, len(old)+1)
	maps.Copy(out, old)
	out[o.Sub] = Place{Raw: o.value()}
	return out, nil
}

// Show gives each context with the folder that it starts from.
func (ContextMap) Show(v any) any {
	m := v.(Places)
	if len(m) == 0 {
		return nil
	}
	out := make(map[string]string, len(m))
	for k, p := range m {
		out[k] = p.Located()
		if kind, name := Classify(out[k]); kind == spec.LinkedTarget {
			out[k] = LinkScheme + PrintedName(name)
		}
	}
	return out
}

func (m Places) contexts() map[string]spec.Context {
	if len(m) == 0 {
		return nil
	}
	out := make(map[string]spec.Context, len(m))
	for k, p := range m {
		out[k] = p.Context()
	}
	return out
}

// Located returns the place as seen from the working directory.
func (p Place) Located() string {
	if p.Base == "" || p.Raw == "" || filepath.IsAbs(p.Raw) || strings.HasPrefix(p.Raw, CwdScheme) {
		return p.Raw
	}
	if kind, _ := Classify(p.Raw); kind != spec.Local {
		return p.Raw
	}
	return filepath.ToSlash(filepath.Join(p.Base, filepath.FromSlash(p.Raw)))
}

// shown returns the place as --print shows the context of a target.
func (p Place) shown() string {
	s := p.Located()
	if p.Remote != "" {
		return p.Remote
	}
	if kind, _ := Classify(s); kind == spec.Git || kind == spec.HTTP {
		return s
	}
	return path.Clean(strings.TrimPrefix(s, CwdScheme))
}

// Context reads the place into its kind.
func (p Place) Context() spec.Context {
	if p.Remote != "" {
		return spec.Context{Kind: p.RemoteKind, Value: p.Remote, Raw: p.Raw}
	}
	kind, value := Classify(p.Located())
	if kind == spec.Local {
		value = path.Clean(value)
	}
	return spec.Context{Kind: kind, Value: value, Raw: p.Raw}
}

const (
	// CwdScheme marks a path that starts from the working directory of the command.
	CwdScheme = "cwd://"
	// LinkScheme marks the name of a target whose result is the context.
	LinkScheme = "target:"
)

// schemes are the prefixes that say what a context is.
var schemes = []struct {
	prefix string
	kind   spec.ContextKind
}{
	{LinkScheme, spec.LinkedTarget},
	{"docker-image://", spec.Image},
	{"oci-layout://", spec.OCILayout},
	{CwdScheme, spec.Local},
}

// Classify reads what a context is from the way it is written.
func Classify(s string) (spec.ContextKind, string) {
	for _, scheme := range schemes {
		if rest, ok := strings.CutPrefix(s, scheme.prefix); ok {
			return scheme.kind, rest
		}
	}
	if kind, ok := remoteKind(s); ok {
		return kind, s
	}
	return spec.Local, s
}

// PrintedName is how a name is written for bake, whose names have no
// dots. On the command line both spellings are understood.
func PrintedName(name string) string { return strings.ReplaceAll(name, ".", "_") }

// remoteKind reads which kind of remote place a text names, as BuildKit does:
// a git reference is a URL whose path ends in ".git", one with the scheme git
// or ssh, "user@host:path", or a path that begins with "github.com/".
// Everything else behind http:// and https:// is a file to fetch.
func remoteKind(s string) (kind spec.ContextKind, ok bool) {
	scheme, rest, hasScheme := strings.Cut(s, "://")
	switch {
	case !hasScheme && strings.HasPrefix(s, "github.com/"):
		return spec.Git, true
	case !hasScheme:
		return spec.Git, IsSCP(s)
	}
	switch strings.ToLower(scheme) {
	case "git", "ssh":
		return spec.Git, true
	case "http", "https":
		path, _, _ := strings.Cut(rest, "#")
		path, _, _ = strings.Cut(path, "?")
		if strings.HasSuffix(path, ".git") && strings.Contains(path, "/") {
			return spec.Git, true
		}
		return spec.HTTP, true
	}
	return spec.Local, false
}

// IsSCP reports whether a text has the form user@host:path.
func IsSCP(s string) bool {
	user, rest, ok := strings.Cut(s, "@")
	if !ok || user == "" {
		return false
	}
	host, _, ok := strings.Cut(rest, ":")
	return ok && host != "" && only(user, "-_") && only(host, "-.")
}

// only reports whether a text has letters, digits and those others only.
func only(s, others string) bool {
	for _, r := range s {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(others, r)) {
			return false
		}
	}
	return true
}
