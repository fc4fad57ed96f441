package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"github.com/moby/sys/user"

	"github.com/orch-build/orch/runner/embedded/internal/state"
)

// startInUserNamespace starts the daemon as root of an own user namespace. In
// it, root is the calling user, and the other ids are the user's subordinate
// ones (subuid(5)), which newuidmap(1) is allowed to map.
func startInUserNamespace(ctx context.Context, cmd *exec.Cmd, o Options) error {
	m, err := newMapping()
	if err != nil {
		return err
	}
	if err := killOrphans(ctx, newPaths(o.StateDir)); err != nil {
		return err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	defer w.Close()
	cmd.ExtraFiles = append(cmd.ExtraFiles, r)
	cmd.Args = append(cmd.Args, state.UsernsFlag)
	cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS
	if err := cmd.Start(); err != nil {
		return usernsError(err)
	}
	if err := m.write(ctx, cmd.Process.Pid); err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return err
	}
	_, err = w.Write([]byte{1})
	return err
}

// mapping is the arguments of newuidmap and newgidmap after the process id.
type mapping struct{ uids, gids []string }

// newMapping reads the user's subordinate ids. A user's own id alone would not
// do: runc's containers need the group of terminals, and most build steps more
// owners than one.
func newMapping() (*mapping, error) {
	uid, gid := os.Geteuid(), os.Getegid()
	name := strconv.Itoa(uid)
	if u, err := user.LookupUid(uid); err == nil {
		name = u.Name
	}
	uids, err := subIDs("/etc/subuid", name, uid)
	if err != nil {
		return nil, err
	}
	gids, err := subIDs("/etc/subgid", name, uid)
	if err != nil {
		return nil, err
	}
	for _, prog := range []string{"newuidmap", "newgidmap"} {
		if state.LookIn(state.SearchDirs(os.Getenv("PATH")), prog) == "" {
			return nil, fmt.Errorf(`%s is not on PATH: an ordinary user's builder needs it to use a range of user ids; install it:
  Debian, Ubuntu  apt-get install uidmap
  Fedora          dnf install shadow-utils
  Alpine          apk add shadow-uidmap
  Arch            pacman -S shadow
or run orch as root, or use another builder with --builder or BUILDKIT_HOST`, prog)
		}
	}
	return &mapping{uids: idMap(uid, uids), gids: idMap(gid, gids)}, nil
}

// subIDs returns the ranges of the user, given by name or number.
func subIDs(file, name string, uid int) ([]user.SubID, error) {
	ids, err := user.ParseSubIDFileFilter(file, func(e user.SubID) bool {
		return e.Name == name || e.Name == strconv.Itoa(uid)
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf(`%s has no range for %s: an ordinary user's builder needs one; have root run
  usermod --add-subuids 100000-165535 --add-subgids 100000-165535 %s
(with a range that nobody else has), or run orch as root, or use another builder with --builder or BUILDKIT_HOST`, file, name, name)
	}
	return ids, nil
}

// idMap maps root to the user's own id and the ids after it to the ranges.
func idMap(own int, ranges []user.SubID) []string {
	args := []string{"0", strconv.Itoa(own), "1"}
	next := int64(1)
	for _, r := range ranges {
		args = append(args, strconv.FormatInt(next, 10), strconv.FormatInt(r.SubID, 10), strconv.FormatInt(r.Count, 10))
		next += r.Count
	}
	return args
}

// write gives the namespace of process pid its mapping.
func (m *mapping) write(ctx context.Context, pid int) error {
	for prog, args := range map[string][]string{"newuidmap": m.uids, "newgidmap": m.gids} {
		file := state.LookIn(state.SearchDirs(os.Getenv("PATH")), prog)
		out, err := exec.CommandContext(ctx, file, append([]string{strconv.Itoa(pid)}, args...)...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("mapping ids with %s: %w: %s", prog, err, strings.TrimSpace(string(out)))
		}
	}
	return nil
}

// usernsError explains why the kernel gives no user namespace.
func usernsError(err error) error {
	return fmt.Errorf("an ordinary user's builder needs a user namespace, and this machine does not allow one: %w%s", err, state.UsernsHint())
}
