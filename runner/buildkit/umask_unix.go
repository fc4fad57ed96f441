//go:build unix

package buildkit

import (
	"io/fs"
	"sync"
	"syscall"
)

// umask is the process's file mode mask. It can only be read by setting it, so
// it is read once.
var umask = sync.OnceValue(func() fs.FileMode {
	mask := syscall.Umask(0)
	syscall.Umask(mask)
	return fs.FileMode(mask)
})
