// Package version says which orch this is, and which BuildKit is in it.
package version

import (
	"cmp"
	"runtime/debug"
	"strings"
)

// Number is the version of these sources, the first in CHANGELOG.md.
const Number = "v0.2.0"

// Date is the day of Number.
const Date = "2026-11-29"

// Stamped is the version of this build, where it is another one than Number, and
// Commit what it was built from. The linker sets them
// (-X github.com/orch-build/orch/cmd/orch/internal/version.Stamped=…).
var Stamped, Commit string

// Orch returns the version that was stamped, else the one that the program was
// installed by ("go install …@v0.2.1"), else Number.
func Orch() string { return cmp.Or(Stamped, installed(), Number) }

// installed is the version that Go recorded, unless it made that up because the
// sources have no tag.
func installed() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "(devel)" || strings.HasPrefix(info.Main.Version, "v0.0.0-") {
		return ""
	}
	return info.Main.Version
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
