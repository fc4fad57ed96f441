package limits

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

func TestOf(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{&os.PathError{Op: "open", Path: "f", Err: syscall.EMFILE}, "ulimit -n"},
		{fmt.Errorf("reading f: %w", &os.PathError{Op: "open", Path: "f", Err: syscall.ENFILE}), "fs.file-max"},
		{errors.New("rpc error: failed to read dockerfile: open Dockerfile: too many open files"), "ulimit -n"},
		{errors.New("open f: too many open files in system"), "fs.file-max"},
		{&exec.Error{Name: "git", Err: &os.PathError{Op: "fork/exec", Path: "/bin/git", Err: syscall.EAGAIN}}, "ulimit -u"},
		{&os.PathError{Op: "fork/exec", Path: "/bin/git", Err: syscall.ENOMEM}, "memory"},
		{&os.PathError{Op: "write", Path: "f", Err: syscall.EFBIG}, "ulimit -f"},
		{&os.PathError{Op: "read", Path: "f", Err: syscall.EAGAIN}, ""},
		{errors.New("the registry says: too many requests"), ""},
		{errors.New(`parsing "RUN echo too many open files"`), ""},
		{errors.New("mounting: too many open files; and more"), "ulimit -n"},
		{errors.New("it crashed\nruntime: failed to create new OS thread (have 9 already; errno=11)"), "ulimit -u"},
		{os.ErrNotExist, ""},
		{nil, ""},
	} {
		got, ok := Of(c.err)
		if ok != (c.want != "") || !strings.Contains(got, c.want) {
			t.Errorf("%v: %q, want %q", c.err, got, c.want)
		}
	}
}
