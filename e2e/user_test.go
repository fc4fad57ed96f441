//go:build linux

package e2e

import (
	"errors"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"sync/atomic"

	"github.com/rogpeppe/go-internal/testscript"
)

// users counts the users that were made, for their names.
var users atomic.Int64

// cmdUser makes an ordinary user for the script, who owns a copy of the
// script's files. $HOME_OF_USER is where they are, $USER_NAME whose. It needs
// root.
func cmdUser(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: user")
	}
	home, err := os.MkdirTemp("/tmp", "orch-user-")
	ts.Check(err)
	name := "orche" + strconv.Itoa(os.Getpid()%10000) + strconv.FormatInt(users.Add(1), 10)
	run := func(name string, args ...string) error {
		out, err := exec.Command(name, args...).CombinedOutput()
		if err != nil {
			return errors.New(name + ": " + err.Error() + ": " + string(out))
		}
		return nil
	}
	ts.Check(run("useradd", "-M", "-d", home, name))
	ts.Defer(func() {
		stop := asUser(name, home, "orch", "builder", "stop", "--now")
		cmd := exec.Command(stop[0], stop[1:]...)
		cmd.Env = append(os.Environ(), "PATH="+ts.Getenv("PATH"))
		if out, err := cmd.CombinedOutput(); err != nil {
			ts.Logf("stopping the user's builder: %v\n%s", err, out)
		}
		// What still runs as the user would keep userdel from its work.
		if err := run("userdel", "-f", name); err != nil {
			ts.Logf("%v", err)
		}
		os.RemoveAll(home)
	})
	ts.Check(run("cp", "-r", ts.Getenv("WORK")+"/.", home))
	ts.Check(run("chown", "-R", name+":", home))
	ts.Setenv("USER_NAME", name)
	ts.Setenv("HOME_OF_USER", home)
}

// asUser is the command line that runs a command as a user in its home.
func asUser(name, home string, command ...string) []string {
	u, err := user.Lookup(name)
	if err != nil {
		return []string{"false"}
	}
	return append([]string{
		"setpriv", "--reuid=" + u.Uid, "--regid=" + u.Gid, "--init-groups",
		"env", "-u", "XDG_STATE_HOME", "-u", "ORCH_STATE_DIR", "HOME=" + home, "USER=" + name,
		"sh", "-c", `cd "$HOME" && exec "$@"`, "sh",
	}, command...)
}

// cmdAsUser runs a command as the user of the script, and wants an exit code:
// "asuser CODE CMD...".
func cmdAsUser(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: asuser CODE COMMAND...")
	}
	command := asUser(ts.Getenv("USER_NAME"), ts.Getenv("HOME_OF_USER"), args[1:]...)
	cmdExits(ts, false, append([]string{args[0]}, command...))
}
