package output

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/orch-build/orch/internal/lazyregexp"
)

// IsFull says whether an error is that a disk is full, or what a user may have
// of it.
func IsFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// fullError is an error of a full disk with what was free at that moment: what
// did not fit may be gone when the error is handled.
type fullError struct {
	error
	disk *Disk
}

func (e *fullError) Unwrap() error { return e.error }

// atOnce looks at the disk of a folder if it is full.
func atOnce(dir string, err error) error {
	if !IsFull(err) {
		return err
	}
	return &fullError{err, DiskOf(dir)}
}

// saysFull matches what is said of a full disk by whoever writes for us, and
// saysCut what is said if that ended too early, for whatever reason.
var (
	saysFull = lazyregexp.New(`no space left on device|disk quota exceeded`)
	saysCut  = lazyregexp.New(`\bEOF\b|error from receiver`)
)

// Full is the error of writing name if err came of it that the disk is full that
// dir is on, and nil otherwise. It is for what others write into dir for us: of
// their error only the text arrives, or not even that. So the disk is asked, as
// long as what was written is there.
func Full(name, dir string, err error) *Error {
	return full(name, dir, dir, err)
}

// full is Full for a folder that others know by another name, shown.
func full(name, dir, shown string, err error) *Error {
	if err == nil {
		return nil
	}
	text := err.Error()
	says := saysFull.MatchString(text)
	if !says && !saysCut.MatchString(text) {
		return nil
	}
	if why := probe(dir); why != nil {
		disk := DiskOf(dir)
		if disk != nil {
			disk.Dir = shown
		}
		return &Error{Name: name, Err: why, Full: disk}
	}
	// There is room again, so that how much there was is not known.
	if says && strings.Contains(text, " "+filepath.Clean(dir)+string(filepath.Separator)) {
		return &Error{Name: name, Err: syscall.ENOSPC}
	}
	return nil
}

// probeSize is how much has to fit into a folder, in bytes, that is not full.
const probeSize = 64 << 10

// probe says that the disk of a folder is full, or nil.
func probe(dir string) error {
	f, err := os.CreateTemp(dir, ".orch-*")
	if err == nil {
		_, err = f.Write(make([]byte, probeSize))
		err = errors.Join(err, f.Close())
		os.Remove(f.Name())
	}
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return syscall.ENOSPC
	case errors.Is(err, syscall.EDQUOT):
		return syscall.EDQUOT
	}
	return nil
}
