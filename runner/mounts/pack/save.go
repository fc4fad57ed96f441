//go:build linux

package pack

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"time"

	"github.com/klauspost/compress/zstd"
)

// Save writes the archive of a mount to out, unless it is saved already, has
// nothing that is worth it, or is too large.
func Save(out io.Writer, opt SaveOptions) (*Status, error) {
	s, err := save(out, opt)
	if errors.Is(err, errBusy) {
		return &Status{State: Busy}, nil
	}
	return s, err
}

func save(out io.Writer, opt SaveOptions) (*Status, error) {
	base, err := scan(opt.Base)
	if err != nil {
		return nil, err
	}
	t, err := scan(opt.Dir)
	if err != nil {
		return nil, err
	}
	status := &Status{Bytes: t.bytes, Files: t.files}
	if t.like(base) {
		status.State = Cold
		return status, nil
	}
	var left *pruning
	if opt.Unused > 0 {
		left = t.prune(opt, base, time.Now())
		status.Bytes, status.Files, status.Unused = t.bytes, t.files, status.Files-t.files
	}
	if opt.Limit > 0 && t.bytes > opt.Limit {
		status.State = Large
		return status, nil
	}
	if status.Sums.Base, err = base.baseSum(); err != nil {
		return nil, err
	}
	if same, err := t.same(opt.Known, status.Sums.Base); err != nil || same {
		status.State = Same
		return status, err
	}
	if err := t.archive(out, status); err != nil {
		return nil, err
	}
	return status, t.unchanged(status, left)
}

// same says whether the tree is what is known. Files are read only if their times
// say that they may differ.
func (t *tree) same(known Sums, base string) (bool, error) {
	if known.Content == "" || known.Base != base {
		return false, nil
	}
	if known.Meta == t.meta() {
		return true, nil
	}
	sum, err := t.content()
	return sum == known.Content, err
}

// unchanged fills in the sums of a tree that has been archived, if it is still
// what was listed.
func (t *tree) unchanged(status *Status, left *pruning) error {
	again, err := scan(t.dir)
	if err != nil {
		return err
	}
	if left != nil {
		left.apply(again)
	}
	status.Sums.Meta = t.meta()
	if again.meta() != status.Sums.Meta {
		return errBusy
	}
	status.Sums.Content, err = t.content()
	status.State = Packed
	return err
}

// archive writes all entries.
func (t *tree) archive(out io.Writer, status *Status) error {
	counted := &counter{out: out, sum: sha256.New()}
	packer, err := zstd.NewWriter(counted, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(false))
	if err != nil {
		return err
	}
	w := tar.NewWriter(packer)
	a := &archiver{tree: t, w: w, first: map[node]*entry{}, buf: make([]byte, 256<<10)}
	for _, e := range t.entries {
		if err := a.add(e); err != nil {
			packer.Close()
			return err
		}
	}
	if err := errors.Join(w.Close(), packer.Close()); err != nil {
		return err
	}
	status.Size, status.Digest = counted.n, "sha256:"+hex.EncodeToString(counted.sum.Sum(nil))
	return nil
}

// counter counts and sums what goes through it.
type counter struct {
	out io.Writer
	sum hash.Hash
	n   int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.out.Write(p)
	c.sum.Write(p[:n])
	c.n += int64(n)
	return n, err
}

// archiver writes the entries of a tree to an archive.
type archiver struct {
	tree  *tree
	w     *tar.Writer
	first map[node]*entry // by files with several names, the first one
	buf   []byte
}

func (a *archiver) add(e *entry) error {
	h := &tar.Header{
		Name: e.name, Mode: int64(tarMode(e.mode)), Uid: e.uid, Gid: e.gid,
		ModTime: time.Unix(0, e.mtime), Format: tar.FormatPAX,
	}
	if e.used > 0 {
		h.AccessTime = time.Unix(0, e.used)
	}
	switch {
	case e.mode.IsDir():
		h.Typeflag, h.Name = tar.TypeDir, e.name+"/"
	case e.mode&fs.ModeSymlink != 0:
		h.Typeflag, h.Linkname = tar.TypeSymlink, e.link
	default:
		h.Typeflag, h.Size = tar.TypeReg, e.size
		if first := a.first[e.node]; e.links > 1 && first != nil {
			h.Typeflag, h.Linkname, h.Size = tar.TypeLink, first.name, 0
			e.sum = first.sum
			return a.w.WriteHeader(h)
		}
		a.first[e.node] = e
		return a.file(e, h)
	}
	return a.w.WriteHeader(h)
}

// file writes a regular file with its content. One that has another size than
// when it was listed is being written.
func (a *archiver) file(e *entry, h *tar.Header) error {
	f, err := a.tree.open(e)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := a.w.WriteHeader(h); err != nil {
		return err
	}
	sum := sha256.New()
	n, err := io.CopyBuffer(struct{ io.Writer }{io.MultiWriter(a.w, sum)}, io.LimitReader(f, e.size), a.buf)
	if err != nil {
		return fmt.Errorf("packing %s: %w", e.name, err)
	}
	if n != e.size {
		return errBusy
	}
	e.sum = sum.Sum(nil)
	return nil
}

// tarMode are the bits of a mode as an archive has them.
func tarMode(m fs.FileMode) uint32 {
	out := uint32(m.Perm())
	for _, bit := range []struct {
		mode fs.FileMode
		tar  uint32
	}{{fs.ModeSetuid, 0o4000}, {fs.ModeSetgid, 0o2000}, {fs.ModeSticky, 0o1000}} {
		if m&bit.mode != 0 {
			out |= bit.tar
		}
	}
	return out
}

// fileMode are the bits of an archive as a mode has them.
func fileMode(bits int64) fs.FileMode {
	m := fs.FileMode(bits).Perm()
	for _, bit := range []struct {
		mode fs.FileMode
		tar  int64
	}{{fs.ModeSetuid, 0o4000}, {fs.ModeSetgid, 0o2000}, {fs.ModeSticky, 0o1000}} {
		if bits&bit.tar != 0 {
			m |= bit.mode
		}
	}
	return m
}
