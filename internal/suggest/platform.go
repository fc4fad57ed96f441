package suggest

import (
	"fmt"
	"slices"
)

// The operating systems and architectures that container images are made for:
// those of Go's ports, as the OCI image specification has them.
var (
	knownOS   = []string{"linux", "windows", "darwin", "freebsd", "netbsd", "openbsd", "dragonfly", "solaris", "illumos", "aix", "plan9", "android", "ios", "js", "wasi", "wasip1"}
	knownArch = []string{"386", "amd64", "arm", "arm64", "loong64", "mips", "mipsle", "mips64", "mips64le", "ppc64", "ppc64le", "riscv64", "s390x", "wasm"}
)

// Platform says what a platform has that no machine is, one sentence for each, with
// what was probably meant. text is the platform as it is written.
func Platform(text, system, architecture string) []string {
	var out []string
	if !slices.Contains(knownOS, system) {
		out = append(out, fmt.Sprintf("there is no operating system %q in %s.%s", system, text, Sentence(system, knownOS)))
	}
	if !slices.Contains(knownArch, architecture) {
		out = append(out, fmt.Sprintf("there is no architecture %q in %s.%s", architecture, text, Sentence(architecture, knownArch)))
	}
	return out
}
