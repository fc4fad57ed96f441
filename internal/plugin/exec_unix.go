//go:build unix

package plugin

import (
	"os"
	"syscall"
)

// Exec replaces this process by another program with the same arguments.
func Exec(path string, args []string) error {
	return syscall.Exec(path, append([]string{path}, args...), os.Environ())
}
