//go:build !linux

package limits

// Threads returns an error that names the limit if the system leaves room for fewer
// processes and threads than needed.
func Threads(int) error { return nil }
