package output

import (
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
)

// umask is nothing on Windows.
func umask() fs.FileMode { return 0 }

func openDescriptor(number int) (io.WriteCloser, error) {
	return nil, fmt.Errorf("the descriptor %d is not open", number)
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
	return os.OpenFile(path, os.O_WRONLY, 0)
}

// names counts the hard links to a file; Windows does not say here.
func names(fs.FileInfo) int { return 1 }

// giveTo leaves a new file to whoever writes it.
func giveTo(string, fs.FileInfo) bool { return true }

// sameDisk is for systems where a folder can be a file system of its own.
func sameDisk(string, string) bool { return true }
