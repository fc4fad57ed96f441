package attribute

import (
	"path/filepath"
	"strings"
)

// MapEntries changes the elements of an attribute, if it is there.
func MapEntries[T any](v any, change func(T) T) any {
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

// FromFolder returns a path that starts from a folder; "-" is not a path, and
// "cwd://" marks one that starts from the working directory.
func FromFolder(base, p string) string {
	if rest, ok := strings.CutPrefix(p, CwdScheme); ok {
		return rest
	}
	if p == "" || p == "-" || filepath.IsAbs(p) || strings.HasPrefix(p, `\\`) {
		return p
	}
	return filepath.ToSlash(filepath.Join(base, p))
}
