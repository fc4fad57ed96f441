//go:build linux

package e2e

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// stdioEnv makes the test binary the "buildctl dial-stdio" of a machine or
// container that is reached through another command: it names the socket to
// forward standard input and output to.
const stdioEnv = "ORCH_E2E_DIAL_STDIO"

func dialStdio(socket string) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	go func() { _, _ = io.Copy(conn, os.Stdin) }()
	_, _ = io.Copy(os.Stdout, conn)
}

// remoteTools makes the folder remote, with the buildctl of the other side.
func remoteTools(ts *testscript.TestScript) string {
	self, err := os.Executable()
	ts.Check(err)
	tools := ts.MkAbs("remote")
	ts.Check(os.MkdirAll(tools, 0o755))
	ts.Check(os.Symlink(self, filepath.Join(tools, "buildctl")))
	return tools
}

// cmdContainers makes the commands docker, podman, nerdctl and kubectl in the
// folder containers. Each runs what it is asked to run in a container or pod
// where buildctl finds the tests' builder, and writes its arguments to NAME.log.
func cmdContainers(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: containers")
	}
	tools := remoteTools(ts)
	dir := ts.MkAbs("containers")
	ts.Check(os.MkdirAll(dir, 0o755))
	for _, name := range []string{"docker", "podman", "nerdctl", "kubectl"} {
		file := filepath.Join(dir, name)
		script := fmt.Sprintf("#!/bin/sh\necho \"$*\" >>%s.log\nwhile [ $# -gt 0 ] && [ \"$1\" != buildctl ]; do shift; done\nPATH=%s:$PATH %s=%s exec \"$@\"\n",
			file, tools, stdioEnv, filepath.Join(shared.state, "builder.sock"))
		ts.Check(os.WriteFile(file, []byte(script), 0o755))
	}
}

// cmdSSHServer starts an ssh server on loopback, where "buildctl" finds
// the tests' builder, and after "engine" the docker command, which is all there is on
// PATH then, the tests' engine. $SSH_PORT is its port; $SSH_CONFIG is what a client needs
// to log in.
func cmdSSHServer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: sshserver")
	}
	tools := remoteTools(ts)
	addr, err := freeAddress()
	ts.Check(err)
	_, port, _ := net.SplitHostPort(addr)
	dir := ts.MkAbs("ssh")
	ts.Check(os.MkdirAll(dir, 0o700))
	ts.Check(os.MkdirAll("/run/sshd", 0o755))
	for _, name := range []string{"host", "client"} {
		ts.Check(ts.Exec("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, name)))
	}
	write := func(name string, lines ...string) string {
		file := filepath.Join(dir, name)
		ts.Check(os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
		return file
	}
	path, docker := tools+":/usr/bin:/bin", ""
	if socket := ts.Getenv("ENGINE"); socket != "" {
		ts.Check(os.Symlink(filepath.Join(ts.Getenv("ENGINE_TOOLS"), "docker"), filepath.Join(tools, "docker")))
		path, docker = tools, " DOCKER_HOST=unix://"+socket
	}
	server := write("sshd_config",
		"ListenAddress 127.0.0.1:"+port,
		"HostKey "+filepath.Join(dir, "host"),
		"AuthorizedKeysFile "+filepath.Join(dir, "client.pub"),
		"PidFile none", "StrictModes no", "UsePAM no", "PermitRootLogin yes", "PasswordAuthentication no",
		"SetEnv PATH="+path+" "+stdioEnv+"="+filepath.Join(shared.state, "builder.sock")+docker)
	ts.Setenv("SSH_CONFIG", write("ssh_config",
		"IdentityFile "+filepath.Join(dir, "client"), "IdentitiesOnly yes", "BatchMode yes",
		"StrictHostKeyChecking no", "UserKnownHostsFile "+filepath.Join(dir, "known"), "LogLevel ERROR"))
	ts.Setenv("SSH_PORT", port)
	cmd := exec.Command("/usr/sbin/sshd", "-D", "-e", "-f", server)
	var said strings.Builder
	cmd.Stderr = &said
	ts.Check(cmd.Start())
	ts.Defer(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		ts.Logf("sshd: %s", said.String())
	})
	for range 100 {
		if conn, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			conn.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	ts.Fatalf("the ssh server does not listen")
}
