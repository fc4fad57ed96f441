//go:build linux

package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/orch-build/orch/internal/need"
)

// engineEnv is another dockerd than that of scripts/engine.sh.
const engineEnv = "ORCH_E2E_DOCKERD"

// engine is a Docker Engine in a network namespace of its own, with a registry in
// it: nothing outside of it changes, and its socket can be reached all the same.
type engine struct {
	dir, tools string
	socket     string
	port       string // with TLS for both sides, in its network
	ca         *authority
	registry   string // as the engine reaches it
	pid        int
}

// sharedEngine is that of all tests; it is started by the first that needs one.
var sharedEngine struct {
	sync.Once
	*engine
	err error
}

// stopEngine ends what the first test has started.
var stopEngine = func() {}

// startedEngine returns the engine of the tests. Where there is none to start, the
// test is skipped.
func startedEngine(skip func(string), fatal func(error)) *engine {
	root, err := filepath.Abs("../bin/engine")
	if err != nil {
		fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "usr/sbin/dockerd")); err != nil || os.Geteuid() != 0 {
		skip("Docker Engine to start as root")
		return nil
	}
	sharedEngine.Do(func() {
		dir, err := os.MkdirTemp("/tmp", "orch-engine-")
		if err != nil {
			sharedEngine.err = err
			return
		}
		sharedEngine.engine, sharedEngine.err = startEngine(dir, root)
	})
	if sharedEngine.err != nil {
		fatal(sharedEngine.err)
	}
	return sharedEngine.engine
}

// mustWork ends the program because of an error.
type mustWork struct{}

func (mustWork) Check(err error) {
	if err != nil {
		panic(err)
	}
}

// startEngine starts dockerd and a registry beside it.
func startEngine(dir, root string) (*engine, error) {
	e := &engine{
		dir: dir, tools: filepath.Join(root, "usr/bin"), socket: filepath.Join(dir, "docker.sock"),
		port: "127.0.0.1:2376", ca: newAuthority(mustWork{}, "engine"), registry: "127.0.0.1:5000",
	}
	certificates := filepath.Join(dir, "tls")
	e.ca.folder(mustWork{}, certificates, e.ca)
	dockerd := filepath.Join(root, "usr/sbin/dockerd")
	if other := os.Getenv(engineEnv); other != "" {
		dockerd = other
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	script := `ip link set lo up; "$SELF" & exec "$@"`
	cmd := exec.Command("unshare", "-n", "sh", "-c", script, "sh", dockerd,
		"--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(dir, "exec"),
		"-H", "unix://"+e.socket, "-H", "tcp://"+e.port, "--tlsverify", "--pidfile", filepath.Join(dir, "pid"),
		"--tlscacert", filepath.Join(certificates, "ca.pem"),
		"--tlscert", filepath.Join(certificates, "cert.pem"), "--tlskey", filepath.Join(certificates, "key.pem"),
		"--iptables=false", "--ip6tables=false", "--ip-masq=false")
	cmd.Env = append(os.Environ(),
		"PATH="+e.tools+":"+filepath.Join(root, "usr/sbin")+":"+os.Getenv("PATH"),
		"LD_LIBRARY_PATH="+filepath.Join(root, "usr/lib/x86_64-linux-gnu"),
		"SELF="+os.Args[0], registryEnv+"="+filepath.Join(dir, "registry"), registryAddrEnv+"="+e.registry)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	e.pid = cmd.Process.Pid
	stopEngine = func() {
		_ = syscall.Kill(-e.pid, syscall.SIGTERM)
		_ = cmd.Wait()
		_ = syscall.Kill(-e.pid, syscall.SIGKILL)
		unmountBelow(dir)
		_ = os.RemoveAll(dir)
	}
	return e, e.wait()
}

// wait waits until the engine answers.
func (e *engine) wait() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	for {
		conn, err := net.Dial("unix", e.socket)
		if err == nil {
			conn.Close()
			if err := e.docker("version").Run(); err == nil {
				return nil
			}
		}
		if ctx.Err() != nil {
			data, _ := os.ReadFile(filepath.Join(e.dir, "log"))
			return fmt.Errorf("the engine does not answer: %s", data[max(0, len(data)-2000):])
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// docker is a docker command for the engine.
func (e *engine) docker(args ...string) *exec.Cmd {
	return exec.Command(filepath.Join(e.tools, "docker"), append([]string{"-H", "unix://" + e.socket}, args...)...)
}

// cmdEngine starts the engine of the tests: $ENGINE is its socket, $ENGINE_REGISTRY
// a registry that it reaches, $ENGINE_TOOLS the folder with its docker command, and
// $ENGINE_NS its network.
func cmdEngine(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: engine")
	}
	e := startedEngine(func(what string) { ts.Fatalf("no %s", what) }, func(err error) { ts.Check(err) })
	ts.Setenv("ENGINE", e.socket)
	ts.Setenv("ENGINE_REGISTRY", e.registry)
	ts.Setenv("ENGINE_TOOLS", e.tools)
	ts.Setenv("ENGINE_NS", "/proc/"+strconv.Itoa(e.pid)+"/ns/net")
	ts.Setenv("DOCKER_CONFIG", ts.MkAbs("docker-config"))
	ts.Setenv("BUILDX_CONFIG", ts.MkAbs("buildx"))
}

// cmdEnginePorts makes the engine of the tests reachable on a port: at $ENGINE_TCP
// without TLS, and in its own network at $ENGINE_TLS, where it wants certificates of its
// clients. The folders tls, wrongca, nocert and wrongcert hold what one may come with.
func cmdEnginePorts(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: engineports")
	}
	e := startedEngine(func(what string) { ts.Fatalf("no %s", what) }, func(err error) { ts.Check(err) })
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { plain.Close() })
	go forwardAll(plain, e.socket)
	ts.Setenv("ENGINE_TCP", "tcp://"+plain.Addr().String())
	ts.Setenv("ENGINE_TLS", "tcp://"+e.port)
	stranger := newAuthority(ts, "stranger")
	e.ca.folder(ts, ts.MkAbs("tls"), e.ca)
	e.ca.folder(ts, ts.MkAbs("nocert"), nil)
	e.ca.folder(ts, ts.MkAbs("wrongcert"), stranger)
	stranger.folder(ts, ts.MkAbs("wrongca"), e.ca)
}

// cmdBox makes a container NAME in the engine, as buildx would: in it "buildctl
// dial-stdio" reaches the embedded builder of the tests. It is not started.
func cmdBox(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: box NAME")
	}
	e := startedEngine(func(what string) { ts.Fatalf("no %s", what) }, func(err error) { ts.Check(err) })
	root := ts.MkAbs("box")
	ts.Check(os.MkdirAll(filepath.Join(root, "bin"), 0o755))
	ts.Check(copyFile(filepath.Join(root, "bin", "busybox"), filepath.Join(shared.busybox, "bin", "busybox")))
	run := func(cmd *exec.Cmd) {
		if out, err := cmd.CombinedOutput(); err != nil {
			ts.Fatalf("%v: %v\n%s", cmd.Args, err, out)
		}
	}
	buildctl := exec.Command("go", "build", "-o", filepath.Join(root, "bin", "buildctl"), "./testdata/buildctl")
	buildctl.Env = append(os.Environ(), "CGO_ENABLED=0")
	run(buildctl)
	tar := exec.Command("tar", "-C", root, "-c", ".")
	imported := e.docker("import", "-", "orch/box:"+args[0])
	pipe, err := tar.StdoutPipe()
	ts.Check(err)
	imported.Stdin = pipe
	ts.Check(tar.Start())
	run(imported)
	ts.Check(tar.Wait())
	run(e.docker("create", "--name", args[0], "--network", "none", "-e", "BUILDKIT_SOCKET=/state/builder.sock",
		"-v", shared.state+":/state", "orch/box:"+args[0], "/bin/busybox", "sleep", "100000"))
	ts.Defer(func() { _ = e.docker("rm", "-f", args[0]).Run() })
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.Close()
}

// TestEngine runs the scripts about a Docker Engine as the builder.
func TestEngine(t *testing.T) {
	t.Parallel()
	startedEngine(func(what string) { need.Missing(t, what) }, func(err error) { t.Fatal(err) })
	scripts, err := filepath.Glob("testdata/engine/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	runScripts(t, scripts...)
}

// unmountBelow takes the mounts away that an engine has left in its folder.
func unmountBelow(dir string) {
	mounts, _ := os.ReadFile("/proc/self/mounts")
	for line := range strings.Lines(string(mounts)) {
		if fields := strings.Fields(line); len(fields) > 1 && strings.HasPrefix(fields[1], dir) {
			_ = exec.Command("umount", "-l", fields[1]).Run()
		}
	}
}
