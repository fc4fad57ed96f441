// Package filelock keeps several processes from changing one file at the same
// time. It does not know what is in the file.
package filelock

import (
	"context"
	"os"
	"time"

	"github.com/gofrs/flock"
)

// Hold waits for the lock of that name. Its file is removed when it is released,
// so that a lock counts only if its file is still there.
func Hold(ctx context.Context, name string) (release func(), err error) {
	for {
		lock := flock.New(name)
		if _, err := lock.TryLockContext(ctx, 20*time.Millisecond); err != nil {
			return nil, err
		}
		held, heldErr := lock.Stat()
		there, thereErr := os.Stat(name)
		if heldErr == nil && thereErr == nil && os.SameFile(held, there) {
			return func() {
				os.Remove(name)
				_ = lock.Unlock()
			}, nil
		}
		_ = lock.Unlock()
	}
}
