package output

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Folder is a folder whose files are being written. Until Commit, an old folder
// of the name is as it was.
type Folder struct {
	name string // as the user calls it
	goal string // where that leads
	dir  string // what holds tmp, on the disk that is written to
	tmp  string // where the files are until they are complete
	over bool
}

var (
	errNoFolder = errors.New("is not a folder")
	// errElsewhere is for what only looks like a link, such as the root of a
	// process in /proc.
	errElsewhere = errors.New("lies where no path of this process leads")
)

// CreateFolder begins to write the folder that a user named. Folders above it
// are made.
func CreateFolder(name string) (*Folder, error) {
	d := &Folder{name: name}
	goal, err := Real(name)
	if err == nil {
		d.goal = goal
		err = d.open()
	}
	if err != nil {
		return nil, failed(name, d.dir, err)
	}
	return d, nil
}

func (d *Folder) open() error {
	d.dir = folderOf(d.goal)
	info, err := os.Stat(d.goal)
	if there, thereErr := os.Stat(d.name); thereErr == nil && (err != nil || !os.SameFile(info, there)) {
		return errElsewhere
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := os.MkdirAll(d.dir, 0o777); err != nil {
			return err
		}
		d.tmp, err = os.MkdirTemp(d.dir, asidePattern(d.goal))
		return err
	case err != nil:
		return err
	case !info.IsDir():
		return errNoFolder
	}
	// Beside the folder nobody who looks into it meets the unfinished files.
	// Where that is another disk, or not allowed, they are inside.
	if sameDisk(d.goal, d.dir) {
		if d.tmp, err = os.MkdirTemp(d.dir, asidePattern(d.goal)); err == nil || !refused(err) {
			return err
		}
	}
	d.dir = d.goal
	d.tmp, err = os.MkdirTemp(d.dir, ".orch-*")
	return err
}

// Name is what the user calls the folder.
func (d *Folder) Name() string { return d.name }

// Path is the folder to write to.
func (d *Folder) Path() string { return d.tmp }

// Full is Full for what others write to the folder.
func (d *Folder) Full(err error) *Error { return full(d.name, d.tmp, d.dir, err) }

// Discard removes what was written.
func (d *Folder) Discard() {
	if d.over {
		return
	}
	d.over = true
	_ = removeAll(d.tmp)
}

// Commit puts the files in their place, beside what the folder holds.
func (d *Folder) Commit() error { return d.commit(merging{}) }

// Replace puts the files in their place, and then removes what the folder held
// besides.
func (d *Folder) Replace() error { return d.commit(merging{clear: true}) }

func (d *Folder) commit(how merging) error {
	if d.over {
		return nil
	}
	defer d.Discard()
	if err := d.place(how); err != nil {
		return failed(d.name, d.dir, err)
	}
	return nil
}

func (d *Folder) place(how merging) error {
	if again, err := Real(d.name); err != nil || again != d.goal {
		return errors.Join(err, errMoved)
	}
	if _, err := os.Stat(d.goal); errors.Is(err, fs.ErrNotExist) {
		if err := os.Chmod(d.tmp, 0o777&^umask()); err != nil {
			return err
		}
		if rename(d.tmp, d.goal) == nil {
			return nil
		}
		if err := os.Mkdir(d.goal, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	how.keep = filepath.Base(d.tmp)
	return how.folder(d.tmp, d.goal)
}
