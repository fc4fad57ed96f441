package output

import "os"

// Share gives a file another name, which must not be there yet. It is for files of
// orch's own, beside each other, that are not written again: the two names stay one
// file, whatever is written to either. Where the system cannot do that, the caller
// writes the file again.
func Share(name, another string) error { return os.Link(name, another) }
