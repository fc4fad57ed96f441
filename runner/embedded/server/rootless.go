//go:build linux

package server

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/orch-build/orch/runner/embedded/internal/state"
)

// enterUserNamespace is the daemon's first life: it waits for the mapping, and
// starts over as the root that it has become. Only a new program image gets
// root's capabilities.
func enterUserNamespace() error {
	f := os.NewFile(state.MappedFD, "mapped")
	if n, _ := f.Read(make([]byte, 1)); n != 1 {
		return errors.New("no mapping of the user namespace: the caller ended")
	}
	f.Close()
	args := make([]string, 0, len(os.Args))
	for _, a := range os.Args {
		if a != state.UsernsFlag {
			args = append(args, a)
		}
	}
	return fmt.Errorf("starting over in the user namespace: %w", unix.Exec("/proc/self/exe", args, os.Environ()))
}

// rootlessSurroundings sets up the process as root of a user namespace.
func (s *settings) rootlessSurroundings() error {
	// Mounts made here must not spread, those made outside may come in.
	if err := unix.Mount("", "/", "", unix.MS_SLAVE|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("using the mount namespace: %w%s", err, state.UsernsHint())
	}
	// runc keeps its state in the first folder if the second says that it is
	// not the machine's root; /run is not ours.
	if err := os.Setenv("XDG_RUNTIME_DIR", s.Run); err != nil {
		return err
	}
	if name := os.Getenv("USER"); name == "" || name == "root" {
		return os.Setenv("USER", "orch")
	}
	return nil
}
