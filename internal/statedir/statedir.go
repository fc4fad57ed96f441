// Package statedir says in which folder orch keeps what it remembers on this machine:
// the state of the embedded builder, records of runs, and memories. It does not know
// what is in it.
package statedir

import (
	"errors"
	"os"
	"path/filepath"
)

// Default returns ORCH_STATE_DIR if that is set, /var/lib/orch for root, and
// XDG_STATE_HOME/orch (by default ~/.local/state/orch) for others.
func Default(getenv func(string) string) (string, error) {
	if dir := getenv("ORCH_STATE_DIR"); dir != "" {
		return filepath.Abs(dir)
	}
	if os.Geteuid() == 0 {
		return "/var/lib/orch", nil
	}
	// The XDG base directory specification has relative paths ignored.
	if dir := getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "orch"), nil
	}
	if home := getenv("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".local", "state", "orch"), nil
	}
	return "", errors.New("no folder for the builder's state: HOME is not set; set it, or name a folder with ORCH_STATE_DIR")
}
