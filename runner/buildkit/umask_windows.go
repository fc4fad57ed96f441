package buildkit

import "io/fs"

// umask is nothing on Windows.
func umask() fs.FileMode { return 0 }
