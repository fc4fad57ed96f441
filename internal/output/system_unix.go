//go:build unix

package output

import (
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// umask is the process's file mode mask. It can only be read by setting it, so
// it is read once.
var umask = sync.OnceValue(func() fs.FileMode {
	mask := syscall.Umask(0)
	syscall.Umask(mask)
	return fs.FileMode(mask)
})

// openDescriptor opens a descriptor that this process was started with. What
// the program itself has open is closed to programs that it starts, by which
// the two are told apart.
func openDescriptor(number int) (io.WriteCloser, error) {
	flags, err := unix.FcntlInt(uintptr(number), unix.F_GETFD, 0)
	if err != nil || number > 2 && flags&unix.FD_CLOEXEC != 0 {
		return nil, fmt.Errorf("the descriptor %d is not open", number)
	}
	mode, err := unix.FcntlInt(uintptr(number), unix.F_GETFL, 0)
	if err != nil {
		return nil, err
	}
	if mode&unix.O_ACCMODE == unix.O_RDONLY {
		return nil, fmt.Errorf("the descriptor %d is open for reading only", number)
	}
	dup, err := unix.FcntlInt(uintptr(number), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(dup), fmt.Sprintf("descriptor %d", number)), nil
}

// openSpecial opens what is neither a regular file nor a folder.
func openSpecial(path string, info fs.FileInfo) (io.WriteCloser, error) {
	if info.Mode()&fs.ModeSocket != 0 {
		conn, err := net.Dial("unix", path)
		if err != nil {
			return nil, errNoReader(err)
		}
		return conn, nil
	}
	return os.OpenFile(path, os.O_WRONLY|unix.O_NOCTTY, 0)
}

// names counts the hard links to a file.
func names(info fs.FileInfo) int {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(st.Nlink)
	}
	return 1
}

// giveTo gives a file to the owner and the group of an old one, and says
// whether it belongs to them.
func giveTo(path string, old fs.FileInfo) bool {
	want, ok := old.Sys().(*syscall.Stat_t)
	info, err := os.Stat(path)
	if err != nil || !ok {
		return true
	}
	have, ok := info.Sys().(*syscall.Stat_t)
	if !ok || have.Uid == want.Uid && have.Gid == want.Gid {
		return true
	}
	// A change of owner takes special permissions away.
	return os.Chown(path, int(want.Uid), int(want.Gid)) == nil && os.Chmod(path, info.Mode()) == nil
}

// sameDisk says whether two folders are on one file system.
func sameDisk(a, b string) bool {
	var x, y unix.Stat_t
	return unix.Stat(a, &x) == nil && unix.Stat(b, &y) == nil && x.Dev == y.Dev
}
