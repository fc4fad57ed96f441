package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/orch-build/orch/internal/output"
)

const (
	// MaxLogSize is the size in bytes at which the log is rotated.
	MaxLogSize = 10 << 20
	// keptLogs is how many older logs stay, as .1 (the newest) and so on.
	keptLogs = 3
)

// OpenLog opens the builder's log for appending, rotating it before if it has
// grown beyond limit bytes.
func OpenLog(path string, limit int64) (*os.File, error) {
	if fi, err := os.Stat(path); err == nil && fi.Size() > limit {
		if err := Rotate(path); err != nil {
			return nil, err
		}
	}
	return output.OpenAppend(path, 0o600)
}

// Rotate renames the log and its predecessors one number up, dropping the last.
func Rotate(path string) error {
	name := func(n int) string {
		if n == 0 {
			return path
		}
		return fmt.Sprintf("%s.%d", path, n)
	}
	for n := keptLogs - 1; n >= 0; n-- {
		if err := os.Rename(name(n), name(n+1)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("rotating the builder's log: %w", err)
		}
	}
	return nil
}
