package config

import (
	"path/filepath"
	"slices"
	"strings"
)

// Access is what overrides name of this machine. Who typed them has granted
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
			list, _ := parseAll([]string{o.Value}, parseOutput)
			a.Write = append(a.Write, entryPaths(list, "dest")...)
		case "cache-from":
			list, _ := parseAll([]string{o.Value}, parseCaches)
			a.Read = append(a.Read, entryPaths(list, "src")...)
		case "cache-to":
			list, _ := parseAll([]string{o.Value}, parseCaches)
			a.Write = append(a.Write, entryPaths(list, "dest")...)
		case "cache":
			if o.Sub == "ref" {
				a.Read = appendPath(a.Read, o.Value)
				a.Write = appendPath(a.Write, o.Value)
			}
		case "secret":
			list, _ := parseAll([]string{o.Value}, parseSecret)
			for _, s := range list {
				a.Read = appendPath(a.Read, s.Src)
			}
		case "ssh":
			list, _ := parseAll([]string{o.Value}, parseSSH)
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

func entryPaths(list []Entry, key string) []string {
	var out []string
	for _, e := range list {
		out = appendPath(out, e.Attrs[key])
	}
	return out
}

// typedPath is the path of a policy if it does not start from a context, or "".
func typedPath(name string) string {
	if rest, ok := strings.CutPrefix(name, cwdScheme); ok {
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
