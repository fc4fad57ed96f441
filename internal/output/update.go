package output

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// updateWait is how long an update waits for others. What is kept that way is worth
// no longer wait: whoever cannot have the lock goes on without it.
const updateWait = 3 * time.Second

// Update replaces a file of orch's own state by what change makes of what is in it,
// which is nil if it is not there. Of several processes that update a file at the
// same time, each sees what the ones before it have written; for that there is a
// file beside it, with ".lock" at its end. A change of nil leaves the file as it is.
func Update(name string, perm fs.FileMode, change func(old []byte) ([]byte, error)) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	lock := flock.New(name+".lock", flock.SetPermissions(0o600))
	ctx, stop := context.WithTimeout(context.Background(), updateWait)
	defer stop()
	if held, err := lock.TryLockContext(ctx, 5*time.Millisecond); err == nil && held {
		defer lock.Unlock()
	}
	old, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	data, err := change(old)
	if err != nil || data == nil {
		return err
	}
	return WriteFile(name, data, perm)
}
