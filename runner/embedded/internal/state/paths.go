package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Paths names the files in the state folder; the documentation of package
// embedded describes them.
type Paths struct {
	State     string
	Socket    string
	Log       string
	StartLock string
	Lock      string
	Root      string
	Run       string
	Tmp       string
	Reserve   string
	// Seal says how the builder left its root when it ended, and Damaged is
	// where what is damaged of that is kept.
	Seal, Damaged string
}

// NewPaths returns the names of the files in a state folder.
func NewPaths(state string) Paths {
	builder := filepath.Join(state, "builder")
	return Paths{
		State:     state,
		Socket:    filepath.Join(state, "builder.sock"),
		Log:       filepath.Join(state, "builder.log"),
		StartLock: filepath.Join(builder, "start.lock"),
		Lock:      filepath.Join(builder, "builder.lock"),
		Root:      filepath.Join(builder, "root"),
		Run:       filepath.Join(builder, "run"),
		Tmp:       filepath.Join(builder, "tmp"),
		Reserve:   filepath.Join(builder, "reserve"),
		Seal:      filepath.Join(builder, "seal.json"),
		Damaged:   filepath.Join(builder, "damaged"),
	}
}

// Address is what a BuildKit client dials.
func (p Paths) Address() string { return "unix://" + p.Socket }

// NewSocket is the name under which the daemon listens until it is ready.
func (p Paths) NewSocket() string { return p.Socket + ".new" }

// maxSocketPath is the longest path that sockaddr_un takes, without the final
// zero byte; see unix(7).
const maxSocketPath = 107

// Check says whether a socket in this folder can have an address at all.
func (p Paths) Check() error {
	if n := len(p.NewSocket()); n > maxSocketPath {
		return fmt.Errorf("the builder's state folder %s has a path too long for a socket in it (%d bytes more than the system takes): name a shorter folder with ORCH_STATE_DIR",
			p.State, n-maxSocketPath)
	}
	return nil
}

// Prepare makes the folders, or says why the state cannot be kept here.
func (p Paths) Prepare() error {
	p.clearWay()
	for _, dir := range []string{p.State, p.Root, p.Run, p.Tmp} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return p.Explain(err)
		}
	}
	// The folder may be older than this program, or made with other rights.
	if err := os.Chmod(p.State, 0o700); err != nil {
		return p.Explain(err)
	}
	return nil
}

// clearWay renames what is a folder where the builder needs a file, or the other
// way round. What cannot be renamed is an error where it is needed.
func (p Paths) clearWay() {
	set := func(path string, wantDir bool) {
		if info, err := os.Lstat(path); err == nil && info.IsDir() != wantDir && info.Mode()&fs.ModeSymlink == 0 {
			_ = os.RemoveAll(path + ".damaged")
			_ = os.Rename(path, path+".damaged")
		}
	}
	set(filepath.Dir(p.Root), true)
	for _, dir := range []string{p.Root, p.Run, p.Tmp} {
		set(dir, true)
	}
	for _, file := range []string{p.Socket, p.NewSocket(), p.Log, p.StartLock, p.Lock, p.Reserve, p.Seal} {
		set(file, false)
	}
}

// limit says which limit of this process an error comes from, and how to raise
// it; "" is none.
func limit(err error) string {
	for errno, text := range map[syscall.Errno]string{
		syscall.EMFILE: "this process may not open enough files: raise the limit with 'ulimit -n 1024' or more",
		syscall.ENFILE: "no more files can be opened on this machine: close some, or raise fs.file-max with sysctl",
		syscall.EFBIG:  "this process may not write files as large as that: raise the limit with 'ulimit -f unlimited'",
		syscall.EAGAIN: "this user may not start more processes: end some, or raise the limit with 'ulimit -u'",
		syscall.ENOMEM: "there is not enough memory: end other processes, or raise the limit with 'ulimit -v unlimited'",
	} {
		if errors.Is(err, errno) {
			return text
		}
	}
	return ""
}

// Explain turns an error of writing to the state folder into one that says
// what to do about it.
func (p Paths) Explain(err error) error {
	const other = "name another folder with ORCH_STATE_DIR"
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fmt.Errorf("the builder's state folder %s cannot be written: %w; %s", p.State, err, other)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("no space left for the builder's state in %s: %w; 'orch builder prune' makes room, or %s", p.State, err, other)
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, fs.ErrExist):
		return fmt.Errorf("the builder's state folder %s is not a folder: %w; %s", p.State, err, other)
	case limit(err) != "":
		return fmt.Errorf("starting the builder: %w; %s", err, limit(err))
	default:
		return fmt.Errorf("preparing the builder's state folder %s: %w; %s", p.State, err, other)
	}
}
