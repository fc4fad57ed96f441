//go:build linux

package pack

import (
	"errors"
	"io"
	"io/fs"
	"time"
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
