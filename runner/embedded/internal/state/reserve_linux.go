package state

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// maxReserve is the largest size of the reserve in bytes: many times what the
// builder's databases grow by while its cache is pruned. On a small disk it is
// a part of that, reservePart.
const (
	maxReserve  = 16 << 20
	reservePart = 16
)

// scarce is how many times the size of the reserve has to be free for a disk
// not to count as full.
const scarce = 4

// KeepReserve sets some space of the builder's disk aside, unless that is full
// already. To prune a cache takes space too: on a disk without any, nothing
// could be freed. room says whether the disk has space for builds besides.
func (p Paths) KeepReserve() (room bool, err error) {
	var disk unix.Statfs_t
	if err := unix.Statfs(p.Root, &disk); err != nil {
		return false, err
	}
	block := uint64(disk.Bsize)
	free, size := disk.Bavail*block, min(maxReserve, disk.Blocks*block/reservePart)
	room = free >= scarce*size
	if _, err := os.Stat(p.Reserve); err == nil || free < size+size/4 {
		return room, nil
	}
	f, err := os.OpenFile(p.Reserve, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return room, err
	}
	defer f.Close()
	if err := unix.Fallocate(int(f.Fd()), 0, 0, int64(size)); err != nil {
		return room, errors.Join(err, os.Remove(p.Reserve))
	}
	return room, nil
}

// UseReserve gives the space back to the disk.
func (p Paths) UseReserve() error {
	if err := os.Remove(p.Reserve); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
