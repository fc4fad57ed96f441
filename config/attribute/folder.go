package attribute

import (
	"path/filepath"
	"strings"
)

// MapEntries applies change to each element of a list; what is no such list, or none, is
// returned as it is.
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

// FromFolder resolves a path against a folder. "-" and absolute paths stay as they are;
// of a path that starts from the working directory, "cwd://" is cut off.
func FromFolder(base, p string) string {
	if rest, ok := strings.CutPrefix(p, CwdScheme); ok {
		return rest
	}
	if p == "" || p == "-" || filepath.IsAbs(p) || strings.HasPrefix(p, `\\`) {
		return p
	}
	return filepath.ToSlash(filepath.Join(base, p))
}
