package attribute

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/orch-build/orch/config/spec"
)

// Access is what overrides name on this machine. Whoever typed them has granted
// it.
type Access struct {
	Read, Write  []string // paths
	Entitlements []string
}

// OverrideAccess reads what overrides name: the paths of outputs, local
// caches, secrets, keys and policies, and entitlements. Those of contexts and
// Dockerfiles are not among them, as in bake. What cannot be read is
// passed over; Resolve reports it.
func OverrideAccess(overrides []Override) Access {
	var a Access
	for i, o := range overrides {
		if cleared(&o, overrides[i+1:]) {
			continue
		}
		switch o.Key {
		case "output":
			list, _ := ParseAll([]string{o.Value}, ParseOutput)
			a.Write = append(a.Write, entryPaths(list, "dest")...)
		case "cache-from":
			list, _ := ParseAll([]string{o.Value}, ParseCaches)
			a.Read = append(a.Read, entryPaths(list, "src")...)
		case "cache-to":
			list, _ := ParseAll([]string{o.Value}, ParseCaches)
			a.Write = append(a.Write, entryPaths(list, "dest")...)
		case "cache":
			if o.Sub == "ref" {
				a.Read = appendPath(a.Read, o.Value)
				a.Write = appendPath(a.Write, o.Value)
			}
		case "skip":
			if o.Sub == "key" {
				a.Read = appendPath(a.Read, o.Value)
			}
		case "secret":
			list, _ := ParseAll([]string{o.Value}, ParseSecret)
			for _, s := range list {
				a.Read = appendPath(a.Read, s.Src)
			}
		case "ssh":
			list, _ := ParseAll([]string{o.Value}, ParseSSH)
			for _, s := range list {
				a.Read = append(a.Read, s.Paths...)
			}
		case "policy":
			list, _ := parsePolicy(o.Value)
			for _, p := range list {
				for _, f := range p.Files {
					a.Read = appendPath(a.Read, typedPath(f.Filename))
				}
			}
		case "entitlement":
			a.Entitlements = append(a.Entitlements, o.Value)
		}
	}
	return a
}

// cleared says whether a later override empties the list that o adds to, in
// every target that o is for.
func cleared(o *Override, later []Override) bool {
	return slices.ContainsFunc(later, func(l Override) bool {
		return l.Key == o.Key && l.HasSub == o.HasSub && l.clears() && (l.Pattern == o.Pattern || l.Pattern == "*")
	})
}

func entryPaths(list []spec.Entry, key string) []string {
	var out []string
	for _, e := range list {
		out = appendPath(out, e.Attrs[key])
	}
	return out
}

// typedPath is the path of a policy if it does not start from a context, or "".
func typedPath(name string) string {
	if rest, ok := strings.CutPrefix(name, CwdScheme); ok {
		return rest
	}
	if filepath.IsAbs(name) {
		return name
	}
	return ""
}

func appendPath(list []string, p string) []string {
	if p == "" || p == "-" {
		return list
	}
	return append(list, p)
}
