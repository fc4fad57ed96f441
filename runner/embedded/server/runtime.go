//go:build linux

package server

import (
	"bytes"
	"errors"
	"os/exec"

	"github.com/orch-build/orch/runner/embedded/internal/state"
)

var errNoRuntime = errors.New(`no OCI runtime: the embedded builder runs build steps with runc (or a crun that knows "run --keep"), and there is none on PATH; install it:
  Debian, Ubuntu  apt-get install runc
  Fedora          dnf install runc
  Alpine          apk add runc
  Arch            pacman -S runc
or use another builder with --builder or BUILDKIT_HOST`)

// findRuntime looks for an OCI runtime on the given PATH and returns its file.
// runc is preferred: BuildKit runs containers with --keep, which crun learnt
// late.
func findRuntime(path string) (string, error) {
	dirs := state.SearchDirs(path)
	for _, name := range []string{"buildkit-runc", "runc"} {
		if file := state.LookIn(dirs, name); file != "" {
			return file, nil
		}
	}
	if file := state.LookIn(dirs, "crun"); file != "" && knowsKeep(file) {
		return file, nil
	}
	return "", errNoRuntime
}

func knowsKeep(crun string) bool {
	help, err := exec.Command(crun, "run", "--help").CombinedOutput()
	return err == nil && bytes.Contains(help, []byte("--keep"))
}
