//go:build linux

package pack

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// entry is a file of a tree.
type entry struct {
	name     string // slashes, from the root; "." for the root
	mode     fs.FileMode
	uid, gid int
	size     int64
	mtime    int64 // in nanoseconds
	link     string
	node     node
	links    uint64
	same     *entry // the first name of a file with several, where this is a further one
	sum      []byte // of the content, once it is known
	times    times
	used     int64 // where files are left out by their use
}

// node tells files apart that have several names.
type node struct{ device, inode uint64 }

// tree is all that a mount holds.
type tree struct {
	dir     string
	entries []*entry
	bytes   int64
	files   int
}

// scan lists a tree in the order of its names. Sockets, FIFOs and devices are no
// content. A folder "" is empty.
func scan(dir string) (*tree, error) {
	t := &tree{dir: dir}
	if dir == "" {
		return t, nil
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && path != dir {
			return nil // another run has just removed it
		}
		if err != nil {
			return err
		}
		if filepath.Dir(path) == dir && strings.HasPrefix(d.Name(), aside) {
			return fs.SkipDir
		}
		return t.add(path, d)
	})
	if err != nil {
		return nil, fmt.Errorf("reading the mount: %w", err)
	}
	slices.SortFunc(t.entries, func(a, b *entry) int { return cmp.Compare(a.name, b.name) })
	return t, nil
}

func (t *tree) add(path string, d fs.DirEntry) error {
	info, err := d.Info()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	name, err := filepath.Rel(t.dir, path)
	if err != nil {
		return err
	}
	st := info.Sys().(*syscall.Stat_t)
	e := &entry{
		name: filepath.ToSlash(name), mode: info.Mode(), uid: int(st.Uid), gid: int(st.Gid),
		mtime: info.ModTime().UnixNano(), node: node{uint64(st.Dev), st.Ino}, links: uint64(st.Nlink),
		times: timesOf(st),
	}
	switch {
	case e.mode.IsDir():
		e.mtime = 0 // it changes with what is in the folder
	case e.mode.IsRegular():
		e.size = info.Size()
		t.bytes += e.size
		t.files++
	case e.mode&fs.ModeSymlink != 0:
		e.mtime = 0 // it is not restored
		if e.link, err = os.Readlink(path); err != nil {
			return err
		}
	default:
		return nil
	}
	t.entries = append(t.entries, e)
	return nil
}

// empty says whether there is nothing but the root.
func (t *tree) empty() bool { return len(t.entries) <= 1 }

// meta is the sum that needs no file to be read.
func (t *tree) meta() string {
	h := sha256.New()
	for _, e := range t.entries {
		e.addTo(h)
		addNumber(h, e.mtime)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// addTo adds all of an entry but times and content.
func (e *entry) addTo(h hash.Hash) {
	addText(h, e.name)
	addNumber(h, int64(e.mode))
	addNumber(h, int64(e.uid))
	addNumber(h, int64(e.gid))
	addNumber(h, e.size)
	addText(h, e.link)
}

func addText(h hash.Hash, s string) {
	addNumber(h, int64(len(s)))
	io.WriteString(h, s)
}

func addNumber(h hash.Hash, n int64) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n))
	h.Write(b[:])
}

// content is the sum of the content; files whose sums are not known are read.
func (t *tree) content() (string, error) {
	if err := t.hashFiles(); err != nil {
		return "", err
	}
	h := sha256.New()
	for _, e := range t.entries {
		e.addTo(h)
		h.Write(e.sum)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// hashFiles reads the files whose sums are not known, on all cores.
func (t *tree) hashFiles() error {
	var next atomic.Int64
	var group errgroup.Group
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() error {
			buf := make([]byte, 128<<10)
			for {
				i := int(next.Add(1)) - 1
				if i >= len(t.entries) {
					return nil
				}
				if e := t.entries[i]; e.mode.IsRegular() && e.sum == nil {
					if err := t.hashFile(e, buf); err != nil {
						return err
					}
				}
			}
		})
	}
	return group.Wait()
}

func (t *tree) hashFile(e *entry, buf []byte) error {
	f, err := t.open(e)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{f}, buf); err != nil {
		return err
	}
	e.sum = h.Sum(nil)
	return nil
}

// open opens a listed file. That it is read here is no use of it, as far as the
// file system allows that.
func (t *tree) open(e *entry) (*os.File, error) {
	name := filepath.Join(t.dir, filepath.FromSlash(e.name))
	if fd, err := unix.Open(name, unix.O_RDONLY|unix.O_NOATIME|unix.O_CLOEXEC, 0); err == nil {
		return os.NewFile(uintptr(fd), name), nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, gone(err)
	}
	return f, nil
}

// errBusy is content that changes while it is read.
var errBusy = errors.New("the mount changes while it is read")

// gone is an error of opening a listed file: that it is not there any more means
// that somebody else is at work.
func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return errBusy
	}
	return err
}

// like says whether two trees have the same entries, as far as can be seen
// without reading: whether a mount is still what it began with.
func (t *tree) like(base *tree) bool {
	mine, theirs := t.below(), base.below()
	return slices.EqualFunc(mine, theirs, func(a, b *entry) bool {
		return a.name == b.name && a.mode == b.mode && a.size == b.size && a.link == b.link && a.mtime == b.mtime
	})
}

// below are the entries without the root.
func (t *tree) below() []*entry {
	if len(t.entries) == 0 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(t.entries), func(e *entry) bool { return e.name == "." })
}

// baseSum is the sum of what a mount began with; "" for nothing.
func (t *tree) baseSum() (string, error) {
	if t.empty() {
		return "", nil
	}
	return t.content()
}
