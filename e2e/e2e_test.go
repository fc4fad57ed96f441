//go:build linux

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/orch-build/orch/internal/need"
)

// shared is what all scripts use: one binary, one builder, one registry.
var shared struct {
	bin      string // folder with orch
	state    string // ORCH_STATE_DIR
	registry string // host:port
	busybox  string // folder with a static busybox
}

// allFiles switches off that files have to be allowed.
const allFiles = "BUILDX_BAKE_ENTITLEMENTS_FS"

// builderEnv is the address of a builder that the scripts use in place of the
// embedded one.
const builderEnv = "ORCH_E2E_BUILDER"

func TestMain(m *testing.M) {
	if os.Getenv(registryEnv) != "" {
		serveRegistry()
		return
	}
	if socket := os.Getenv(stdioEnv); socket != "" {
		dialStdio(socket)
		return
	}
	if os.Getenv(rawEnv) != "" {
		if err := solveRaw(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	waitTogether()
	code, err := runAll(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
	os.Exit(code)
}

// waitTogether lets more tests run at once than there are processors: most of their time
// they wait for builders.
func waitTogether() {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "test.parallel" })
	if asked {
		return
	}
	if err := flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0))); err != nil {
		panic(err)
	}
}

// withoutDocker takes away what this machine's Docker says of builders and
// credentials: the tests use their own.
func withoutDocker(dir string) error {
	for _, name := range []string{"BUILDX_BUILDER", "DOCKER_HOST", "DOCKER_CONTEXT"} {
		if err := os.Unsetenv(name); err != nil {
			return err
		}
	}
	if err := os.Setenv("BUILDX_CONFIG", filepath.Join(dir, "buildx")); err != nil {
		return err
	}
	return os.Setenv("DOCKER_CONFIG", filepath.Join(dir, "docker"))
}

// runAll sets up the parts, runs the tests and takes the parts down again.
func runAll(m *testing.M) (int, error) {
	// The path is short because a socket's path must not exceed 108 bytes.
	dir, err := os.MkdirTemp("/tmp", "orch-e2e-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	// Scripts of an ordinary user read from here too.
	if err := os.Chmod(dir, 0o755); err != nil {
		return 0, err
	}
	// Most tests start from folders outside of their own; what has to be
	// allowed is the subject of a script of its own.
	if err := os.Setenv(allFiles, "0"); err != nil {
		return 0, err
	}
	if err := withoutDocker(dir); err != nil {
		return 0, err
	}
	if err := noteSources(); err != nil {
		return 0, err
	}
	shared.bin = filepath.Join(dir, "bin")
	shared.state = filepath.Join(dir, "state")
	if err := buildOrch(shared.bin); err != nil {
		return 0, err
	}
	if shared.busybox, err = busyboxContext(dir); err != nil {
		return 0, err
	}
	stopRegistry, err := startRegistry(filepath.Join(dir, "registry"))
	if err != nil {
		return 0, err
	}
	takeDown := sync.OnceFunc(func() {
		stopEngine()
		stopBuilder(shared.state)
		stopRegistry()
		os.RemoveAll(dir)
	})
	defer takeDown()
	onInterrupt(takeDown)
	return m.Run(), nil
}

// onInterrupt takes the parts down where the tests are interrupted: the builder is in a
// session of its own, and would run on.
func onInterrupt(takeDown func()) {
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-interrupts
		takeDown()
		os.Exit(130)
	}()
}

// noteSources opens every folder of the sources. A result that go test has remembered
// counts as long as nothing that the test opened has changed; that orch is compiled of
// these files is not seen otherwise.
func noteSources() error {
	return filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // what another test had there
		}
		if err != nil || !d.IsDir() {
			return err
		}
		switch d.Name() {
		case ".git", "bin", "dist", "node_modules":
			return fs.SkipDir
		}
		return nil
	})
}

// buildOrch builds orch as it is shipped, two programs in one file, as "make build" does:
// where that was done just before, nothing is linked again.
func buildOrch(dir string) error {
	if out, err := exec.Command("make", "--no-print-directory", "-C", "..", "build").CombinedOutput(); err != nil {
		return fmt.Errorf("building orch: %w\n%s", err, out)
	}
	program, err := os.ReadFile("../bin/orch")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "orch"), program, 0o755)
}

// stopBuildersIn ends the builders that a script started with a state of its
// own, whatever became of the script.
func stopBuildersIn(dir string) {
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil
		case d.IsDir() && d.Name() == "builder":
			return fs.SkipDir // what it has built
		case d.Name() == "builder.sock":
			stopBuilder(filepath.Dir(path))
		}
		return nil
	})
}

// stopBuilder ends the embedded builder with a state.
func stopBuilder(state string) {
	cmd := exec.Command(filepath.Join(shared.bin, "orch"), "builder", "stop", "--now")
	cmd.Env = append(os.Environ(), "ORCH_STATE_DIR="+state)
	if out, err := cmd.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "e2e: stopping the builder: %v\n%s", err, out)
	}
}

// busyboxContext makes a folder that a build can start from: a static busybox
// as /bin/busybox and /bin/sh.
func busyboxContext(dir string) (string, error) {
	for _, path := range []string{"/bin/busybox", "/usr/bin/busybox", "/bin/busybox.static"} {
		data, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		root := filepath.Join(dir, "busybox")
		if err := os.MkdirAll(filepath.Join(root, "bin"), 0o755); err != nil {
			return "", err
		}
		for _, name := range []string{"busybox", "sh", "cat", "echo", "sleep", "mkdir", "cp", "ls", "test", "head", "dd", "id", "date", "wc", "sha256sum", "seq"} {
			file := filepath.Join(root, "bin", name)
			if name == "busybox" {
				err = os.WriteFile(file, data, 0o755)
			} else {
				err = os.Symlink("busybox", file)
			}
			if err != nil {
				return "", err
			}
		}
		return root, nil
	}
	return "", errors.New("no static busybox: run scripts/setup.sh tests")
}

// freeAddress is one of this machine on which nobody listens, for a program that
// takes no open socket. Its port is none of those that the kernel gives to
// connections: one of them might get it before the program does.
func freeAddress() (string, error) {
	below := 32768
	if data, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range"); err == nil {
		if _, err := fmt.Sscan(string(data), &below); err != nil {
			return "", err
		}
	}
	const first = 10240
	for range 100 {
		port := 0
		if below > first {
			port = first + rand.IntN(below-first)
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return l.Addr().String(), l.Close()
		}
	}
	return "", errors.New("no port is free")
}

// startRegistry runs a registry in a process of its own, which is this test
// binary again, and waits until it answers.
func startRegistry(root string) (stop func(), err error) {
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), registryEnv+"="+root, registryAddrEnv+"="+addr)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/v2/", nil)
		if err != nil {
			stop()
			return nil, err
		}
		res, err := http.DefaultClient.Do(req)
		if err == nil {
			res.Body.Close()
			shared.registry = addr
			return stop, nil
		}
		if ctx.Err() != nil {
			stop()
			return nil, fmt.Errorf("starting the registry: %w", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestScripts(t *testing.T) {
	t.Parallel()
	scripts, err := filepath.Glob("testdata/script/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	runScripts(t, scripts...)
}

// runScripts runs scripts, each as a test of its own.
func runScripts(t *testing.T, files ...string) { runScriptsOn(t, os.Getenv(builderEnv), files...) }

// runScriptsOn runs scripts on the builder at an address; "" is the embedded one.
func runScriptsOn(t *testing.T, builder string, files ...string) {
	examples, err := filepath.Abs("../examples")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Files: files,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", shared.bin+string(os.PathListSeparator)+os.Getenv("PATH"))
			env.Setenv("ORCH_STATE_DIR", shared.state)
			env.Setenv("REGISTRY", shared.registry)
			env.Setenv("BUSYBOX", shared.busybox)
			env.Setenv("BUILDKIT_HOST", builder)
			env.Setenv("EXAMPLES", examples)
			env.Setenv("MODULE", filepath.Dir(examples))
			env.Setenv("COMPOSE", os.Getenv(composeEnv))
			env.Setenv("HOME", env.WorkDir)
			startServers(env)
			env.Setenv(allFiles, "0")
			for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOFLAGS", "GOTOOLCHAIN"} {
				if v := goEnv(name); v != "" {
					env.Setenv(name, v)
				}
			}
			env.Defer(func() { stopBuildersIn(env.WorkDir) })
			return nil
		},
		Cmds:                commands,
		Condition:           func(cond string) (bool, error) { return condition(cond, builder) },
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

// composeEnv names a docker-compose, which is handed to scripts as $COMPOSE.
const composeEnv = "ORCH_E2E_COMPOSE"

// condition is what a script asks for: [root], [newengine], [embedded], [compose], and
// [have:PROGRAM], which must not be missing on CI.
func condition(cond, builder string) (bool, error) {
	if program, ok := strings.CutPrefix(cond, "have:"); ok {
		_, err := exec.LookPath(program)
		if err != nil && need.CI() {
			return false, fmt.Errorf("%w, though CI is set: scripts/setup.sh tests installs it", err)
		}
		return err == nil, nil
	}
	switch cond {
	case "root":
		return os.Geteuid() == 0, nil
	case "newengine":
		return os.Getenv(engineEnv) != "", nil
	case "embedded":
		return builder == "", nil
	case "long":
		return need.Long(), nil
	case "compose":
		return os.Getenv(composeEnv) != "", nil
	}
	return false, fmt.Errorf("unknown condition %q", cond)
}

// goEnv is a setting of the Go command outside the script, where HOME is
// another.
func goEnv(name string) string { return goSettings()[name] }

var goSettings = sync.OnceValue(func() map[string]string {
	settings := map[string]string{}
	if out, err := exec.Command("go", "env", "-json").Output(); err == nil {
		_ = json.Unmarshal(out, &settings)
	}
	return settings
})
