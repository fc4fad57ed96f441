package config

import "strings"

// IsRemote reports whether a text is a URL or a git reference.
func IsRemote(s string) bool {
	kind, _ := classify(s)
	return kind == Git || kind == HTTP
}

// remoteKind reads which kind of remote place a text names, as BuildKit does:
// a git reference is a URL whose path ends in ".git", one with the scheme git
// or ssh, "user@host:path", or a path that begins with "github.com/".
// Everything else behind http:// and https:// is a file to fetch.
func remoteKind(s string) (kind ContextKind, ok bool) {
	scheme, rest, hasScheme := strings.Cut(s, "://")
	switch {
	case !hasScheme && strings.HasPrefix(s, "github.com/"):
		return Git, true
	case !hasScheme:
		return Git, isSCP(s)
	}
	switch strings.ToLower(scheme) {
	case "git", "ssh":
		return Git, true
	case "http", "https":
		path, _, _ := strings.Cut(rest, "#")
		path, _, _ = strings.Cut(path, "?")
		if strings.HasSuffix(path, ".git") && strings.Contains(path, "/") {
			return Git, true
		}
		return HTTP, true
	}
	return Local, false
}

// isSCP reports whether a text has the form user@host:path.
func isSCP(s string) bool {
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
