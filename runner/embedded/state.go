package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// paths names the files in the state folder; doc.go describes them.
type paths struct {
	state     string
	socket    string
	log       string
	startLock string
	lock      string
	root      string
	run       string
	tmp       string
}

func newPaths(state string) paths {
	builder := filepath.Join(state, "builder")
	return paths{
		state:     state,
		socket:    filepath.Join(state, "builder.sock"),
		log:       filepath.Join(state, "builder.log"),
		startLock: filepath.Join(builder, "start.lock"),
		lock:      filepath.Join(builder, "builder.lock"),
		root:      filepath.Join(builder, "root"),
		run:       filepath.Join(builder, "run"),
		tmp:       filepath.Join(builder, "tmp"),
	}
}

// address is what a BuildKit client dials.
func (p paths) address() string { return "unix://" + p.socket }

// newSocket is the name under which the daemon listens until it is ready.
func (p paths) newSocket() string { return p.socket + ".new" }

// maxSocketPath is the longest path that sockaddr_un takes, without the final
// zero byte; see unix(7).
const maxSocketPath = 107

// check says whether a socket in this folder can have an address at all.
func (p paths) check() error {
	if n := len(p.newSocket()); n > maxSocketPath {
		return fmt.Errorf("the builder's state folder %s has a path too long for a socket in it (%d bytes more than the system takes): name a shorter folder with ORCH_STATE_DIR",
			p.state, n-maxSocketPath)
	}
	return nil
}

// prepare makes the folders, or says why the state cannot be kept here.
func (p paths) prepare() error {
	for _, dir := range []string{p.state, p.root, p.run, p.tmp} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return p.explain(err)
		}
	}
	// The folder may be older than this program, or made with other rights.
	if err := os.Chmod(p.state, 0o700); err != nil {
		return p.explain(err)
	}
	return nil
}

// explain turns an error of writing to the state folder into one that says
// what to do about it.
func (p paths) explain(err error) error {
	const other = "name another folder with ORCH_STATE_DIR"
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fmt.Errorf("the builder's state folder %s cannot be written: %w; %s", p.state, err, other)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("no space left for the builder's state in %s: %w; make room, or %s", p.state, err, other)
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, fs.ErrExist):
		return fmt.Errorf("the builder's state folder %s is not a folder: %w; %s", p.state, err, other)
	default:
		return fmt.Errorf("preparing the builder's state folder %s: %w; %s", p.state, err, other)
	}
}
