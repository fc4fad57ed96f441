//go:build linux || darwin

package output

import "golang.org/x/sys/unix"

// DiskOf says what is free now on the disk of a folder, or nil.
func DiskOf(dir string) *Disk {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return nil
	}
	block := int64(st.Bsize)
	return &Disk{Dir: dir, Free: int64(st.Bavail) * block, Total: int64(st.Blocks) * block}
}
