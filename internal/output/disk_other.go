//go:build !linux && !darwin

package output

// DiskOf says what is free now on the disk of a folder: nothing is known here.
func DiskOf(string) *Disk { return nil }
