//go:build linux

package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// border is a moment of a run that a test can wait for: the run cannot go
// beyond it.
type border struct {
	name string
	args []string
	env  []string
	// reached begins to wait for the moment, before the run, and returns what
	// does so.
	reached func(t *testing.T, dir string, cmd *exec.Cmd) (wait func())
	says    string
}

const borderProject = `
variable "BUSYBOX" {}
variable "NONCE" {}
target "default" {
  contexts = { busybox = BUSYBOX }
  args     = { NONCE = NONCE }
  output   = ["type=tar,dest=out.tar"]
}
target "asleep" {
  inherits = ["default"]
  target   = "asleep"
}
target "secretive" {
  inherits = ["default"]
  target   = "secretive"
  secret   = ["id=x,src=fifo"]
}
target "tested" {
  inherits = ["default"]
  output   = ["type=cacheonly"]
}
test "sleeps" {
  target = "tested"
  run    = ["/bin/sh", "-c", "echo test began; sleep 100"]
}
`

const borderDockerfile = `FROM busybox AS default
ARG NONCE
RUN echo $NONCE >/n
FROM default AS asleep
RUN echo step began; sleep 100
FROM default AS secretive
RUN --mount=type=secret,id=x cat /run/secrets/x
FROM default
`

// said waits until the run has printed a line that ends so.
func said(end string) func(*testing.T, string, *exec.Cmd) func() {
	return func(t *testing.T, _ string, cmd *exec.Cmd) func() {
		found := make(chan struct{})
		w := &lineWatch{end: end, found: sync.OnceFunc(func() { close(found) }), to: cmd.Stderr}
		cmd.Stdout, cmd.Stderr = w, w
		return func() { within(t, found) }
	}
}

type lineWatch struct {
	mu    sync.Mutex
	text  bytes.Buffer
	end   string
	found func()
	to    io.Writer
}

func (w *lineWatch) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text.Write(b)
	if strings.Contains(w.text.String(), w.end+"\n") {
		w.found()
	}
	return w.to.Write(b)
}

func within(t *testing.T, found <-chan struct{}) {
	t.Helper()
	select {
	case <-found:
	case <-time.After(2 * time.Minute):
		t.Error("the run does not come there")
	}
}

// opens waits until the run opens a FIFO to read from it, and writes nothing.
func opens(name string) func(*testing.T, string, *exec.Cmd) func() {
	return func(t *testing.T, dir string, _ *exec.Cmd) func() {
		makeFIFO(t, filepath.Join(dir, name))
		found := make(chan struct{})
		go func() {
			defer close(found)
			f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY, 0)
			if err == nil {
				t.Cleanup(func() { f.Close() })
			}
		}()
		return func() { within(t, found) }
	}
}

// fills waits until the run has written the first byte to a FIFO, and reads no
// more.
func fills(name string) func(*testing.T, string, *exec.Cmd) func() {
	return func(t *testing.T, dir string, _ *exec.Cmd) func() {
		makeFIFO(t, filepath.Join(dir, name))
		found := make(chan struct{})
		go func() {
			defer close(found)
			f, err := os.Open(filepath.Join(dir, name))
			if err != nil {
				return
			}
			t.Cleanup(func() { f.Close() })
			_, _ = io.ReadFull(f, make([]byte, 1))
		}()
		return func() { within(t, found) }
	}
}

func makeFIFO(t *testing.T, path string) {
	t.Helper()
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	// Whatever still waits for the other end is let go.
	t.Cleanup(func() {
		if f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NONBLOCK, 0); err == nil {
			f.Close()
		}
	})
}

// silentSocket is a builder that takes connections and never answers.
func silentSocket(t *testing.T, dir string, cmd *exec.Cmd) func() {
	socket := filepath.Join(dir, "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	return silent(t, l, cmd, "SOCKET", socket)
}

// hangs waits until the run asks a server, which does not answer.
func hangs(t *testing.T, _ string, cmd *exec.Cmd) func() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return silent(t, l, cmd, "ADDR", l.Addr().String())
}

// silent takes connections and never answers. Its address replaces a word in
// the command line.
func silent(t *testing.T, l net.Listener, cmd *exec.Cmd, word, addr string) func() {
	t.Cleanup(func() { l.Close() })
	for i, a := range cmd.Args {
		cmd.Args[i] = strings.ReplaceAll(a, word, addr)
	}
	found := make(chan struct{})
	once := sync.OnceFunc(func() { close(found) })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
			once()
		}
	}()
	return func() { within(t, found) }
}

// TestInterruptedAtBorders interrupts a run at each of its phases, where it
// waits for something that does not come: it ends soon, with 130, and says what
// has happened.
func TestInterruptedAtBorders(t *testing.T) {
	t.Parallel()
	startBuilder(t)
	const nothing = "interrupted before anything was built"
	for _, b := range []border{
		{"loading", []string{"bake", "-f", "fifo"}, nil, opens("fifo"), nothing},
		{"loading values", []string{"bake", "--var-file", "fifo"}, nil, opens("fifo"), nothing},
		{"validating", []string{"validate", "-f", "fifo"}, nil, opens("fifo"), "interrupted"},
		{"remote definition", []string{"bake", "http://ADDR/def.tar"}, nil, hangs, nothing},
		{"beginning", []string{"bake"}, []string{"EXPERIMENTAL_BUILDKIT_SOURCE_POLICY=fifo"}, opens("fifo"), nothing},
		{"reading a secret", []string{"bake", "secretive"}, nil, opens("fifo"), "Interrupted: 1 target stopped"},
		{"connecting", []string{"bake", "--builder", "unix://SOCKET"}, nil, silentSocket, nothing},
		{"naming a base", []string{"bake", "--set", "default.contexts.busybox=docker-image://ADDR/base"}, nil, hangs, "Interrupted"},
		{"evaluating", []string{"bake", "asleep"}, nil, said("step began"), "Interrupted: 1 target stopped"},
		{"exporting", []string{"bake", "--set", "default.output=type=tar,dest=fifo"}, nil, fills("fifo"), "Interrupted"},
		{"testing", []string{"bake", "tested"}, nil, said("test began"), "Interrupted"},
		{"writing the metadata", []string{"bake", "--result", "r.json", "--metadata-file", "fifo"}, nil, writes("r.json", "fifo"), "files of the run were written; every target is built"},
		{"writing the tests", []string{"bake", "--result", "r.json", "--junit", "fifo"}, nil, writes("r.json", "fifo"), "files of the run were written; every target is built"},
	} {
		t.Run(strings.ReplaceAll(b.name, " ", "-"), func(t *testing.T) { b.run(t) })
	}
}

func (b border) run(t *testing.T) {
	t.Parallel()
	dir := project(t, map[string]string{"build.hcl": borderProject, "Dockerfile": borderDockerfile})
	args := slices.Clone(b.args)
	if b.args[0] == "bake" {
		args = append(args, "--progress", "plain", "--var", fmt.Sprintf("NONCE=%s%d", b.name, time.Now().UnixNano()))
	}
	cmd := runOrch(dir, args...)
	cmd.Env = append(cmd.Env, b.env...)
	var out syncBuffer
	cmd.Stdout, cmd.Stderr = &out, &out
	wait := b.reached(t, dir, cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := time.AfterFunc(3*time.Minute, func() { _ = cmd.Process.Kill() })
	defer kill.Stop()
	wait()
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Errorf("it had ended: %v", err)
	}
	_ = cmd.Wait()
	isInterrupted(t, cmd, out.String(), b.says)
	noLeftovers(t, dir)
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// isInterrupted holds that a run has ended as one that was interrupted: with
// its code, what is so, and no sign of success.
func isInterrupted(t *testing.T, cmd *exec.Cmd, out, says string) {
	t.Helper()
	if code := cmd.ProcessState.ExitCode(); code != 130 {
		t.Errorf("exit code %d\n%s", code, out)
	}
	if !strings.Contains(out, says) {
		t.Errorf("it does not say %q:\n%s", says, out)
	}
	for _, word := range []string{"RESULT", "published together", "goroutine "} {
		if strings.Contains(out, word) {
			t.Errorf("it says %q:\n%s", word, out)
		}
	}
}

// writes waits until the run has written its result, and goes on to write a
// FIFO that nobody reads.
func writes(result, fifo string) func(*testing.T, string, *exec.Cmd) func() {
	return func(t *testing.T, dir string, _ *exec.Cmd) func() {
		makeFIFO(t, filepath.Join(dir, fifo))
		return func() {
			for end := time.Now().Add(2 * time.Minute); !exists(filepath.Join(dir, result)); time.Sleep(20 * time.Millisecond) {
				if time.Now().After(end) {
					t.Error("the run does not come there")
					return
				}
			}
		}
	}
}

// TestInterruptedWhilePublishing interrupts a run at each border of its
// publication: when it asks the registry, uploads and moves tags.
func TestInterruptedWhilePublishing(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	p := newPublished(t, g, g)
	upload := func(r *http.Request) bool {
		return !strings.HasPrefix(r.UserAgent(), "orch") && (r.Method == http.MethodPost || r.Method == http.MethodPut)
	}
	for _, c := range []struct {
		name  string
		at    func(tag int, r *http.Request) bool
		hang  bool
		state string
		says  []string
	}{
		{"asking", func(_ int, r *http.Request) bool {
			return r.URL.Path == "/v2/" && strings.HasPrefix(r.UserAgent(), "orch")
		}, true, "old", []string{"interrupted before anything was built"}},
		{"uploading", func(_ int, r *http.Request) bool { return upload(r) }, true, "old", []string{"Interrupted", "No tag has moved"}},
		{"looking at tags", func(tag int, _ *http.Request) bool { return tag == 1 }, false, "", nil},
		{"moving a tag", func(tag int, r *http.Request) bool { return tag > 0 && r.Method == http.MethodPut }, false, "", nil},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
			cmd := p.next()
			var out syncBuffer
			cmd.Stdout, cmd.Stderr = &out, &out
			var once sync.Once
			g.set(func(_, tag int, r *http.Request) verdict {
				if !c.at(tag, r) {
					return pass
				}
				once.Do(func() { _ = cmd.Process.Signal(os.Interrupt) })
				if c.hang {
					g.mu.Unlock()
					<-r.Context().Done()
					g.mu.Lock()
				}
				return pass
			})
			_ = cmd.Run()
			g.set(nil)
			says := append([]string{"nterrupted"}, c.says...)
			for _, s := range says {
				isInterrupted(t, cmd, out.String(), s)
			}
			state := p.state()
			switch {
			case c.state != "" && state != c.state:
				t.Errorf("the tags are %s\n%s", state, out.String())
			case state == "new" && !strings.Contains(out.String(), "have moved"):
				t.Errorf("the tags have moved, and nothing says so:\n%s", out.String())
			case state == "old" && !strings.Contains(strings.ToLower(out.String()), "no tag has moved") && c.name != "asking" &&
				!strings.Contains(out.String(), "every tag is where it was"):
				t.Errorf("no tag has moved, and nothing says so:\n%s", out.String())
			case state == "mixed" && !strings.Contains(out.String(), "--resume"):
				t.Errorf("the tags are mixed, and nothing says what to do:\n%s", out.String())
			}
			if p.pending() > 0 {
				if more, err := p.orch("publish", "--rollback").CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s", err, more)
				}
			}
		})
	}
}
