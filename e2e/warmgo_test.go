//go:build linux

package e2e

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

// compiled is what the examples take of Go's standard library.
var compiled = []struct {
	arch     string
	args     []string
	packages []string
}{
	{"amd64", []string{"-trimpath"}, []string{"flag", "net/http"}},
	{"arm64", []string{"-trimpath"}, []string{"runtime"}}, // for another platform
	{"amd64", nil, []string{"fmt", "testing/..."}},        // by go test
}

// warmGo fills the cache mount of a builder in which the examples keep what Go has
// compiled: without it, each of them takes a minute of the processors for the standard
// library. It does so once for each builder.
var warmGo = func() func(state, builder string) error {
	var mu sync.Mutex
	done := map[string]func() error{}
	return func(state, builder string) error {
		mu.Lock()
		once := done[state+" "+builder]
		if once == nil {
			once = sync.OnceValue(func() error { return fillGoCache(state, builder) })
			done[state+" "+builder] = once
		}
		mu.Unlock()
		return once()
	}
}()

// cmdWarmGo lets the steps of a script find the standard library compiled: "warmgo".
func cmdWarmGo(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: warmgo")
	}
	ts.Check(warmGo(ts.Getenv("ORCH_STATE_DIR"), ts.Getenv("BUILDKIT_HOST")))
}

// fillGoCache puts what this machine has compiled of the standard library into a
// builder's cache mount.
func fillGoCache(state, builder string) error {
	dir, err := os.MkdirTemp(filepath.Dir(shared.bin), "warmgo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	cache := filepath.Join(dir, "cache")
	for _, c := range compiled {
		env := append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOOS=linux", "GOARCH="+c.arch)
		if err := copyGoCache(cache, env, append(c.args, c.packages...)); err != nil {
			return err
		}
	}
	files := map[string]string{
		"build.hcl": fmt.Sprintf("target \"default\" {\n  contexts = { busybox = %q, compiled = %q }\n  output = [\"type=cacheonly\"]\n}\n", shared.busybox, cache),
		"Dockerfile": "FROM scratch\nCOPY --from=busybox / /\n" +
			"RUN --mount=type=cache,target=/root/.cache/go-build --mount=type=bind,from=compiled,target=/compiled \\\n" +
			"    cp -r /compiled/. /root/.cache/go-build/\n",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	bake := exec.Command(orch(), "bake", "--progress", "plain")
	bake.Dir = dir
	bake.Env = append(os.Environ(), "ORCH_STATE_DIR="+state, "BUILDKIT_HOST="+builder)
	if out, err := bake.CombinedOutput(); err != nil {
		return fmt.Errorf("filling the cache of Go: %w\n%s", err, out)
	}
	return nil
}

// copyGoCache copies what packages and their dependencies are compiled to, out of the
// cache of this machine's Go. A last build in the copy adds what a cache of another
// form has not given.
func copyGoCache(to string, env, args []string) error {
	list := exec.Command("go", append([]string{"list", "-export", "-deps", "-f", "{{.BuildID}} {{.Export}}"}, args...)...)
	list.Env = env
	out, err := list.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w\n%s", err, exit.Stderr)
		}
		return fmt.Errorf("compiling the standard library: %w", err)
	}
	for line := range strings.Lines(string(out)) {
		if id, object, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			if err := copyEntry(to, id, object); err != nil {
				return err
			}
		}
	}
	build := exec.Command("go", append([]string{"build"}, args...)...)
	build.Env = append(env, "GOCACHE="+to)
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("compiling the standard library: %w\n%s", err, out)
	}
	return nil
}

// copyEntry copies one entry of Go's build cache: the file that an action's id names,
// which says what came out of it, and that.
func copyEntry(to, buildID, object string) error {
	action, _, _ := strings.Cut(buildID, "/")
	id, err := base64.RawURLEncoding.DecodeString(action)
	if err != nil || len(id) == 0 {
		return nil // of another form
	}
	from := filepath.Dir(filepath.Dir(object))
	entries, err := filepath.Glob(filepath.Join(from, hex.EncodeToString(id[:1]), hex.EncodeToString(id)+"*-a"))
	if err != nil {
		return err
	}
	for _, file := range append(entries, object) {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		copied := filepath.Join(to, filepath.Base(filepath.Dir(file)), filepath.Base(file))
		if err := os.MkdirAll(filepath.Dir(copied), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(copied, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
