package embedded

import "github.com/moby/buildkit/util/disk"

// DiskSpace says how large the disk of a folder is and what is free on it for
// its user, in bytes.
func DiskSpace(dir string) (free, total int64, err error) {
	stat, err := disk.GetDiskStat(dir)
	return stat.Available, stat.Total, err
}
