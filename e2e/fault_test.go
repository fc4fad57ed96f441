//go:build linux

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// faultRegistry is in front of the registry and spoils requests.
type faultRegistry struct {
	*httptest.Server
	mu     sync.Mutex
	spoil  func(w http.ResponseWriter, r *http.Request) bool // whether it has answered
	seen   int
	spoilt int
	times  []time.Time // of the requests that were spoilt
}

func newFaultRegistry(t *testing.T) *faultRegistry {
	target, err := url.Parse("http://" + shared.registry)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ErrorLog = nil
	f := &faultRegistry{}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		spoil := f.spoil
		f.seen++
		f.mu.Unlock()
		if spoil != nil && spoil(w, r) {
			f.mu.Lock()
			f.spoilt++
			f.times = append(f.times, time.Now())
			f.mu.Unlock()
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *faultRegistry) addr() string { return strings.TrimPrefix(f.URL, "http://") }

// first spoils the first n requests that match.
func first(n int, match func(*http.Request) bool, spoil func(http.ResponseWriter)) func(http.ResponseWriter, *http.Request) bool {
	var mu sync.Mutex
	return func(w http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		if n == 0 || !match(r) {
			return false
		}
		n--
		spoil(w)
		return true
	}
}

func isManifestPut(r *http.Request) bool {
	return r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/")
}

func isUpload(r *http.Request) bool {
	return r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/blobs/uploads/")
}

func status(code int, header ...string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
	}
}

// reset ends the connection as a crash would.
func reset(w http.ResponseWriter) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	conn.Close()
}

// project writes files into a new folder.
func project(t testing.TB, files map[string]string) string {
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// runOrch prepares a run of orch in a folder.
func runOrch(dir string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(shared.bin, "orch"), args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "ORCH_STATE_DIR="+shared.state, "BUSYBOX="+shared.busybox)
	return cmd
}

// result is what the tests read of a record.
type result struct {
	State   string
	Rounds  int
	Targets []struct {
		Name, State, Reason string
		Attempts            []struct{ Error, Reason string }
	}
}

func readResult(t *testing.T, path string) result {
	var r result
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const pushProject = `
variable "BUSYBOX" {}
variable "REGISTRY" {}
target "default" {
  contexts = { busybox = BUSYBOX }
  args     = { NONCE = NONCE }
  tags     = ["${REGISTRY}/fault-${NONCE}"]
  output   = ["type=registry"]
}
variable "NONCE" {}
`

const pushDockerfile = "FROM busybox\nARG NONCE\nRUN echo $NONCE >/file\n"

// TestRegistryFaults pushes to a registry that fails in each of the ways that
// may be gone the next time.
func TestRegistryFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		spoil   func(http.ResponseWriter, *http.Request) bool
		atLeast int
	}{
		{"500 on a manifest", first(1, isManifestPut, status(500)), 1},
		{"503 on blobs", first(2, isUpload, status(503)), 2},
		{"429 with Retry-After", first(3, isManifestPut, status(429, "Retry-After", "2")), 1},
		{"reset on a manifest", first(1, isManifestPut, reset), 1},
		{"reset on blobs", first(3, isUpload, reset), 1},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel() // most of the time it waits for the next try
			reg := newFaultRegistry(t)
			reg.spoil = tt.spoil
			dir := project(t, map[string]string{"build.hcl": pushProject, "Dockerfile": pushDockerfile})
			cmd := runOrch(dir, "bake", "--progress", "plain", "--result", "result.json",
				"--var", "REGISTRY="+reg.addr(), "--var", fmt.Sprintf("NONCE=f%d-%d", i, os.Getpid()))
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if reg.spoilt < tt.atLeast {
				t.Errorf("only %d requests were spoilt", reg.spoilt)
			}
			r := readResult(t, filepath.Join(dir, "result.json"))
			t.Logf("%d rounds, attempts %v", r.Rounds, r.Targets[0].Attempts)
			if n := len(reg.times); strings.HasPrefix(tt.name, "429") && (n < 2 || reg.times[1].Sub(reg.times[0]) < 2*time.Second) {
				t.Errorf("%d requests were refused, and the server was not left alone for as long as it asked", n)
			}
			if r.State != "done" {
				t.Errorf("the run is %s", r.State)
			}
		})
	}
}

// A registry that stays out of order is tried within the budget and no more,
// and is called what it is.
func TestRegistryStaysDown(t *testing.T) {
	t.Parallel()
	reg := newFaultRegistry(t)
	reg.spoil = first(1<<30, isManifestPut, status(403))
	dir := project(t, map[string]string{"build.hcl": pushProject, "Dockerfile": pushDockerfile})
	args := []string{"bake", "--progress", "quiet", "--result", "result.json", "--retries", "1", "--var", "REGISTRY=" + reg.addr(), "--var", "NONCE=down"}
	out, err := runOrch(dir, args...).CombinedOutput()
	if err == nil {
		t.Fatalf("it went well:\n%s", out)
	}
	if r := readResult(t, filepath.Join(dir, "result.json")); r.Rounds != 1 || len(r.Targets[0].Attempts) != 1 {
		t.Errorf("what a registry refuses was tried %d times", len(r.Targets[0].Attempts))
	}
	if !bytes.Contains(out, []byte("A registry refuses")) {
		t.Errorf("the reason is missing:\n%s", out)
	}
	reg.spoil = first(1<<30, isManifestPut, reset)
	out, err = runOrch(dir, args...).CombinedOutput()
	if err == nil {
		t.Fatalf("it went well:\n%s", out)
	}
	r := readResult(t, filepath.Join(dir, "result.json"))
	if r.Rounds != 2 || len(r.Targets[0].Attempts) != 2 {
		t.Errorf("%d attempts in %d rounds, want 2 in 2", len(r.Targets[0].Attempts), r.Rounds)
	}
	if !bytes.Contains(out, []byte("The fault is not in what is built")) {
		t.Errorf("the fault is missing:\n%s", out)
	}
}

func isBlobGet(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/")
}

// lie answers with something else than what was asked for.
func lie(w http.ResponseWriter) { _, _ = io.WriteString(w, "this is not a layer") }

// tear ends the connection in the middle of a blob.
func tear(w http.ResponseWriter) {
	w.Header().Set("Content-Length", "100000")
	_, _ = io.WriteString(w, "the beginning")
	_ = http.NewResponseController(w).Flush()
	reset(w)
}

// TestRegistryPullFaults builds on an image from a registry that spoils the
// first request for a blob: what was wrong is not kept, and the build is good.
func TestRegistryPullFaults(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(http.ResponseWriter){"lies": lie, "tears": tear, "503": status(503), "resets": reset} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nonce := fmt.Sprintf("pull-%s-%d", name, os.Getpid())
			dir := project(t, map[string]string{
				"build.hcl": pushProject + `
target "user" {
  context = "user"
  args    = { BASE = "${REGISTRY}/fault-${NONCE}" }
  output  = ["out"]
}`,
				"Dockerfile":      pushDockerfile + "RUN seq 100000 >/numbers\n",
				"user/Dockerfile": "ARG BASE\nFROM $BASE AS base\nRUN wc -l </numbers >/count\nFROM scratch\nCOPY --from=base /count /count\n",
			})
			if out, err := runOrch(dir, "bake", "--progress", "quiet", "--var", "REGISTRY="+shared.registry, "--var", "NONCE="+nonce).CombinedOutput(); err != nil {
				t.Fatalf("pushing: %v\n%s", err, out)
			}
			reg := newFaultRegistry(t)
			reg.spoil = first(1, isBlobGet, spoil)
			cmd := runOrch(dir, "bake", "user", "--progress", "plain", "--var", "REGISTRY="+reg.addr(), "--var", "NONCE="+nonce)
			state, err := os.MkdirTemp("/tmp", "orch-e2e-")
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(state)
			// A builder of its own, which has none of the layers.
			cmd.Env = append(cmd.Env, "ORCH_STATE_DIR="+state)
			defer func() {
				stop := runOrch(dir, "builder", "stop", "--now")
				stop.Env = append(stop.Env, "ORCH_STATE_DIR="+state)
				_ = stop.Run()
			}()
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if reg.spoilt != 1 {
				t.Errorf("%d requests were spoilt", reg.spoilt)
			}
			if data, err := os.ReadFile(filepath.Join(dir, "out", "count")); err != nil || string(data) != "100000\n" {
				t.Errorf("the result is %q, %v", data, err)
			}
		})
	}
}

const slowProject = `
variable "BUSYBOX" {}
target "_base" {
  contexts = { busybox = BUSYBOX }
  args     = { NONCE = NONCE }
}
variable "NONCE" {}
group "default" { targets = ["one", "two"] }
target "one" {
  inherits = ["_base"]
  target   = "one"
  output   = ["type=oci,dest=one.tar"]
}
target "two" {
  inherits = ["_base"]
  target   = "two"
  output   = ["type=oci,dest=two.tar"]
}
`

const slowDockerfile = `FROM busybox AS base
ARG NONCE
RUN echo base $NONCE; sleep 0.3
FROM base AS one
RUN echo started; sleep 1.5; echo one >/f
FROM base AS two
RUN sleep 1; echo two >/f
`

// startBuilder starts the embedded builder and returns its socket.
func startBuilder(t *testing.T) string {
	out, err := runOrch(t.TempDir(), "builder", "start").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return filepath.Join(shared.state, "builder.sock")
}

// untilSaid starts a command and waits until a line of its output ends so.
func untilSaid(t *testing.T, cmd *exec.Cmd, end string) (rest func() string) {
	var mu sync.Mutex
	var said bytes.Buffer
	found := make(chan struct{})
	var once sync.Once
	r, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := r.Read(buf)
			mu.Lock()
			said.Write(buf[:n])
			if strings.Contains(said.String(), end+"\n") {
				once.Do(func() { close(found) })
			}
			mu.Unlock()
			if err != nil {
				once.Do(func() { close(found) })
				return
			}
		}
	}()
	select {
	case <-found:
	case <-time.After(2 * time.Minute):
		t.Fatalf("nothing says %q", end)
	}
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		return said.String()
	}
}

// TestConnectionLost cuts the connection to the builder in the middle of a
// step: the run takes it up again, and what is done stays done.
func TestConnectionLost(t *testing.T) {
	proxy := newBuilderProxy(t, startBuilder(t))
	dir := project(t, map[string]string{"build.hcl": slowProject, "Dockerfile": slowDockerfile})
	cmd := runOrch(dir, "bake", "--progress", "plain", "--result", "result.json", "--builder", proxy.addr,
		"--var", "NONCE=cut"+strconv.Itoa(os.Getpid()))
	said := untilSaid(t, cmd, "started")
	proxy.cut()
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, said())
	}
	r := readResult(t, filepath.Join(dir, "result.json"))
	if r.State != "done" || r.Rounds != 2 {
		t.Errorf("the run is %s after %d rounds\n%s", r.State, r.Rounds, said())
	}
	if a := r.Targets[0].Attempts; len(a) != 2 || a[0].Reason != "the connection to the builder was lost" {
		t.Errorf("attempts: %+v", a)
	}
}

// TestBuilderKilled kills the builder in the middle of a step: another one is
// started, and the run is finished on it.
func TestBuilderKilled(t *testing.T) {
	startBuilder(t)
	dir := project(t, map[string]string{"build.hcl": slowProject, "Dockerfile": slowDockerfile})
	cmd := runOrch(dir, "bake", "--progress", "plain", "--result", "result.json", "--var", "NONCE=kill"+strconv.Itoa(os.Getpid()))
	said := untilSaid(t, cmd, "started")
	killBuilder(t)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, said())
	}
	if r := readResult(t, filepath.Join(dir, "result.json")); r.State != "done" || r.Rounds < 2 {
		t.Errorf("the run is %s after %d rounds\n%s", r.State, r.Rounds, said())
	}
	noLeftovers(t, dir)
}

// TestBuilderCrash has the builder crash in the middle of a step: what it says
// then reaches the screen, whether the run goes on elsewhere or ends, and the
// fault is the builder's.
func TestBuilderCrash(t *testing.T) {
	for retries, want := range map[string]string{"2": "done", "0": "failed"} {
		startBuilder(t)
		dir := project(t, map[string]string{"build.hcl": slowProject, "Dockerfile": slowDockerfile})
		cmd := runOrch(dir, "bake", "--progress", "plain", "--result", "result.json", "--retries", retries,
			"--var", "NONCE=crash"+retries+strconv.Itoa(os.Getpid()))
		said := untilSaid(t, cmd, "started")
		endBuilder(t, syscall.SIGABRT)
		err := cmd.Wait()
		if r := readResult(t, filepath.Join(dir, "result.json")); r.State != want {
			t.Errorf("retries %s: the run is %s: %v\n%s", retries, r.State, err, said())
		}
		says := []string{"The embedded builder crashed, which is a fault of the builder:\nSIGABRT: abort\n"}
		if want == "failed" {
			says = append(says, "The builder crashed: SIGABRT: abort")
		}
		for _, s := range says {
			if !strings.Contains(said(), s) {
				t.Errorf("retries %s: it does not say %q:\n%s", retries, s, said())
			}
		}
		noLeftovers(t, dir)
	}
}

// killBuilder kills the embedded builder.
func killBuilder(t *testing.T) {
	t.Helper()
	endBuilder(t, syscall.SIGKILL)
}

// endBuilder sends a signal to the embedded builder.
func endBuilder(t *testing.T, signal os.Signal) {
	t.Helper()
	out, err := runOrch(t.TempDir(), "builder", "status", "--json").Output()
	var info struct{ PID int }
	if err == nil {
		err = json.Unmarshal(out, &info)
	}
	if err != nil || info.PID <= 1 {
		t.Fatalf("asking for the builder's process: %v\n%s", err, out)
	}
	p, err := os.FindProcess(info.PID)
	if err == nil {
		err = p.Signal(signal)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// noLeftovers fails if something half made is in the folder.
func noLeftovers(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.Contains(e.Name(), ".orch-") {
			t.Errorf("left behind: %s", e.Name())
		}
	}
}
