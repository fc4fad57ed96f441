// Package version says which orch this is, and which BuildKit is in it.
package version

import (
	"runtime/debug"
)

// Stamped is the version of this build. The linker sets it
// (-X github.com/orch-build/orch/cmd/orch/internal/version.Stamped=…); without that it comes from the module's build record.
var Stamped = ""

// Orch returns the version that was stamped, else the one that Go
// recorded, else "dev".
func Orch() string {
	if Stamped != "" {
		return Stamped
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "dev"
}

// BuildKit returns the version of the BuildKit that is linked in.
func BuildKit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, dep := range info.Deps {
		if dep.Path == "github.com/moby/buildkit" {
			return dep.Version
		}
	}
	return ""
}
