package builder

import (
	"runtime/debug"

	"github.com/moby/buildkit/version"
)

// linkedBuildKit is the version of the BuildKit that is linked in; "" if it is
// not known.
func linkedBuildKit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, dep := range info.Deps {
		if dep.Path != version.Package {
			continue
		}
		if dep.Replace != nil {
			return dep.Replace.Version
		}
		return dep.Version
	}
	return ""
}
