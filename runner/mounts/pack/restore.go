//go:build linux

package pack

import (
	"archive/tar"
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"
)

// Restore puts an archive into a mount that is as the builder makes a new one;
// without an archive it only looks at the mount.
// It reports Cold when it waits for the archive, and after that the last status
// is what it returns.
func Restore(in io.Reader, report func(Status) error, opt RestoreOptions) (*Status, error) {
	base, err := scan(opt.Base)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(opt.Dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	removeStale(root)
	if cold, err := isCold(opt.Dir, base); err != nil || !cold {
		return &Status{State: Warm}, err
	}
	if opt.Size == 0 {
		return &Status{State: Cold}, nil
	}
	if sum, err := base.baseSum(); err != nil || sum != opt.BaseSum {
		return &Status{State: OtherBase}, err
	}
	if err := report(Status{State: Cold}); err != nil {
		return nil, err
	}
	name := aside + rand.Text()[:10]
	if err := root.Mkdir(name, 0o700); err != nil {
		return nil, err
	}
	defer func() { _ = root.RemoveAll(name) }()
	u, err := unpackWhole(root, name, in, opt)
	if err != nil {
		return nil, err
	}
	if cold, err := isCold(opt.Dir, base); err != nil || !cold {
		return &Status{State: Warm}, err
	}
	if err := u.move(root, name, base); err != nil {
		return nil, err
	}
	return &Status{State: Restored, Bytes: u.bytes, Files: u.files, At: time.Now()}, nil
}

func isCold(dir string, base *tree) (bool, error) {
	t, err := scan(dir)
	return err == nil && t.like(base), err
}

// removeStale removes what killed processes have left.
func removeStale(root *os.Root) {
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return
	}
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && strings.HasPrefix(e.Name(), aside) && time.Since(info.ModTime()) > stale {
			_ = root.RemoveAll(e.Name())
		}
	}
}

// unpackWhole unpacks an archive into a folder, and waits for the word that it
// was whole.
func unpackWhole(root *os.Root, name string, in io.Reader, opt RestoreOptions) (*unpacker, error) {
	into, err := root.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	defer into.Close()
	archive := &io.LimitedReader{R: in, N: opt.Size}
	u := &unpacker{root: into, limit: opt.Limit, dirs: map[string]*tar.Header{".": nil}, made: map[string]bool{}, buf: make([]byte, 256<<10)}
	defer u.leave()
	if err := u.unpack(archive); err != nil {
		return nil, err
	}
	if _, err := io.Copy(io.Discard, archive); err != nil {
		return nil, err
	}
	word, err := io.ReadAll(io.LimitReader(in, int64(len(Commit))))
	if err != nil {
		return nil, err
	}
	if archive.N > 0 || string(word) != Commit {
		return nil, errors.New("the archive did not arrive whole")
	}
	return u, nil
}

// unpacker unpacks one archive.
type unpacker struct {
	root  *os.Root
	limit int64
	bytes int64
	files int
	// dirs are the folders so far; they get their modes and times in the end.
	dirs  map[string]*tar.Header
	order []string
	made  map[string]bool // files and links
	// at is the folder of the latest entry, which most have in common with the
	// next.
	at     *os.Root
	atName string
	buf    []byte
}

func (u *unpacker) leave() {
	if u.at != nil {
		u.at.Close()
		u.at = nil
	}
}

// maxWindow bounds the memory that an archive may ask for.
const maxWindow = 64 << 20

func (u *unpacker) unpack(in io.Reader) error {
	plain, err := zstd.NewReader(bufio.NewReaderSize(in, 1<<20), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return err
	}
	defer plain.Close()
	r := tar.NewReader(plain)
	for {
		h, err := r.Next()
		if err == io.EOF {
			return u.finish()
		}
		if err != nil {
			return fmt.Errorf("reading the archive: %w", err)
		}
		if err := u.add(h, r); err != nil {
			return fmt.Errorf("entry %q: %w", h.Name, err)
		}
	}
}

// add unpacks one entry.
func (u *unpacker) add(h *tar.Header, content io.Reader) error {
	name := path.Clean(h.Name)
	if !filepath.IsLocal(name) || strings.HasPrefix(name, aside) || strings.ContainsRune(name, 0) {
		return errors.New("it leads out of the mount")
	}
	if name == "." && h.Typeflag == tar.TypeDir {
		u.dirs["."] = h
		return nil
	}
	if _, there := u.dirs[name]; there || u.made[name] {
		return errors.New("it is there twice")
	}
	dir, file := path.Split(name)
	if err := u.enter(path.Clean("./" + dir)); err != nil {
		return err
	}
	switch h.Typeflag {
	case tar.TypeDir:
		u.dirs[name] = h
		u.order = append(u.order, name)
		return u.at.Mkdir(file, 0o700)
	case tar.TypeReg:
		u.made[name] = true
		return u.file(h, file, content)
	case tar.TypeSymlink:
		u.made[name] = true
		if err := u.at.Symlink(h.Linkname, file); err != nil {
			return err
		}
		return u.own(h, file)
	case tar.TypeLink:
		u.files++
		return u.link(h, name)
	}
	return errors.New("it is neither a file, a folder nor a link")
}

// enter goes to a folder of the archive. One that is a link is not one of these.
func (u *unpacker) enter(dir string) error {
	if u.at != nil && u.atName == dir {
		return nil
	}
	if _, ok := u.dirs[dir]; !ok {
		return errors.New("its folder is not in the archive")
	}
	u.leave()
	at, err := u.root.OpenRoot(dir)
	if err != nil {
		return err
	}
	u.at, u.atName = at, dir
	return nil
}

func (u *unpacker) file(h *tar.Header, name string, content io.Reader) error {
	u.files++
	u.bytes += h.Size
	if u.limit > 0 && u.bytes > u.limit {
		return errors.New("the archive holds more than the limit")
	}
	f, err := u.at.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.CopyBuffer(struct{ io.Writer }{f}, content, u.buf)
	if err == nil && (h.Uid != os.Geteuid() || h.Gid != os.Getegid()) {
		err = f.Chown(h.Uid, h.Gid)
	}
	// After the owner: to change that takes bits away.
	if mode := fileMode(h.Mode); err == nil && mode != 0o600 {
		err = f.Chmod(mode)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	// Without a time of its last use, it is used now.
	return u.at.Chtimes(name, h.AccessTime, h.ModTime)
}

// own gives a link its owner.
func (u *unpacker) own(h *tar.Header, name string) error {
	if h.Uid == os.Geteuid() && h.Gid == os.Getegid() {
		return nil
	}
	return u.at.Lchown(name, h.Uid, h.Gid)
}

// link makes a further name of a file of the archive.
func (u *unpacker) link(h *tar.Header, name string) error {
	old := path.Clean(h.Linkname)
	if !u.made[old] {
		return errors.New("it is a link to what is not in the archive")
	}
	u.made[name] = true
	return u.root.Link(old, name)
}

// finish gives the folders their owners and modes, the deepest first.
func (u *unpacker) finish() error {
	u.leave()
	for _, name := range slices.Backward(u.order) {
		h := u.dirs[name]
		if h.Uid != os.Geteuid() || h.Gid != os.Getegid() {
			if err := u.root.Lchown(name, h.Uid, h.Gid); err != nil {
				return err
			}
		}
		if err := u.root.Chmod(name, fileMode(h.Mode)); err != nil {
			return err
		}
	}
	return nil
}

// move puts what was unpacked where it belongs, in the place of what the mount
// began with. A step of another run may have begun to write there in the meantime:
// what it has made stays.
func (u *unpacker) move(root *os.Root, from string, base *tree) error {
	for _, e := range base.below() {
		if !strings.Contains(e.name, "/") {
			if err := root.RemoveAll(e.name); err != nil {
				return err
			}
		}
	}
	entries, err := fs.ReadDir(root.FS(), from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := moveNew(root, path.Join(from, e.Name()), e.Name()); err != nil {
			return err
		}
	}
	if h := u.dirs["."]; h != nil {
		return errors.Join(root.Chown(".", h.Uid, h.Gid), root.Chmod(".", fileMode(h.Mode)))
	}
	return nil
}

// moveNew renames a file or folder, unless there is one of the new name. The names
// are of one folder and its parent, and no links.
func moveNew(root *os.Root, from, to string) error {
	dir, err := root.Open(".")
	if err != nil {
		return err
	}
	defer dir.Close()
	fd := int(dir.Fd())
	err = unix.Renameat2(fd, from, fd, to, unix.RENAME_NOREPLACE)
	switch {
	case errors.Is(err, unix.EEXIST):
		return nil
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS):
		// A file system that cannot rename so.
		if _, err := root.Lstat(to); err == nil {
			return nil
		}
		return root.Rename(from, to)
	}
	return err
}
