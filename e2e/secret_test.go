//go:build linux

package e2e

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// The secrets of the project: one from a variable, one of several lines from a
// file, and one that is a sensitive variable and a build argument.
const (
	secretToken = "hunter2-correct-horse"
	secretKey   = "battery-staple-4711"
)

var secretLines = []string{"-----BEGIN THE KEY-----", "MIIEowIBAAKCAQEAu1SU1LfVLPHCozMxH2Mo", "4lgOEePzNm0tRgeLezV6ffAt0gunVTLw7onL", "-----END THE KEY-----"}

const secretProject = `
variable "BUSYBOX" {}
variable "KEY" { sensitive = true }
target "default" {
  contexts = { busybox = BUSYBOX }
  secret   = ["id=token,env=TOKEN", "id=lines,src=lines.pem"]
  target   = "app"
  output   = ["type=oci,dest=app.tar", "type=local,dest=app"]
  cache-to = ["type=local,dest=cache,mode=max"]
}
target "bad" {
  inherits = ["default"]
  target   = "bad"
}
target "argument" {
  contexts = { busybox = BUSYBOX }
  args     = { KEY = KEY }
  target   = "argument"
}
test "says" {
  target = "tested"
  run    = ["/bin/sh", "-c", "echo the key is $KEY; exit 3"]
  env    = { KEY = KEY }
}
target "tested" {
  inherits = ["default"]
  output   = ["type=cacheonly"]
}`

// Each step does its best to print what it was given.
const secretDockerfile = `FROM busybox AS app
RUN --mount=type=secret,id=token --mount=type=secret,id=lines cat /run/secrets/token; echo; cat /run/secrets/lines; sleep 1; wc -c </run/secrets/token >/size
FROM busybox AS bad
RUN --mount=type=secret,id=token --mount=type=secret,id=lines echo "it is $(cat /run/secrets/token)"; cat /run/secrets/lines >&2; exit 1
FROM busybox AS argument
ARG KEY
RUN echo "with $KEY"; sleep 0.3; exit 4
`

// spans collects what is sent to it, as a collector of traces would.
type spans struct {
	*httptest.Server
	mu   sync.Mutex
	sent bytes.Buffer
}

func newSpans(t *testing.T) *spans {
	s := &spans{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var body io.Reader = r.Body
		if r.Header.Get("Content-Encoding") == "gzip" {
			if z, err := gzip.NewReader(r.Body); err == nil {
				body = z
			}
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		_, _ = io.Copy(&s.sent, body)
	}))
	t.Cleanup(s.Close)
	return s
}

// leaks says which secret is in a text. The frame of a key is none.
func leaks(data []byte) string {
	for _, s := range append([]string{secretToken, secretKey}, secretLines[1:3]...) {
		if bytes.Contains(data, []byte(s)) {
			return s
		}
	}
	return ""
}

// TestSecretNowhere looks for the values of secrets in all that runs show and
// leave: on the screen in every mode, in the process list, logs, records,
// reports, metadata, traces, outputs, caches and the builder's state.
func TestSecretNowhere(t *testing.T) {
	t.Parallel()
	collector, state := newSpans(t), emptyState(t)
	dir := project(t, map[string]string{"build.hcl": secretProject, "Dockerfile": secretDockerfile, "lines.pem": strings.Join(secretLines, "\n") + "\n"})
	if out, err := runOn(state, dir, "builder", "start").CombinedOutput(); err != nil {
		t.Fatalf("starting the builder: %v\n%s", err, out)
	}
	files := func(name string) []string {
		return []string{"--result", name + ".json", "--report", name + ".html", "--metadata-file", name + "-md.json", "--junit", name + ".xml"}
	}
	for _, run := range []struct {
		args  []string
		fails bool
		says  string // in the place of a secret
	}{
		{args: append([]string{"bake", "--progress", "plain", "--debug"}, files("good")...), says: "***"},
		{args: []string{"bake", "--progress", "rawjson", "--no-cache"}},
		{args: append([]string{"bake", "--progress", "plain", "bad"}, files("bad")...), fails: true, says: "it is ***"},
		{args: append([]string{"bake", "--progress", "quiet", "argument", "--debug"}, files("argument")...), fails: true, says: "with ***"},
		{args: append([]string{"bake", "--progress", "plain", "tested"}, files("tested")...), fails: true, says: "the key is ***"},
		{args: []string{"bake", "--progress", "plain", "--resume"}, fails: true},
		{args: []string{"plan", "--format", "json"}},
		{args: []string{"plan", "argument"}},
	} {
		cmd := runOn(state, dir, run.args...)
		cmd.Env = append(cmd.Env, "TOKEN="+secretToken, "KEY="+secretKey,
			"OTEL_EXPORTER_OTLP_ENDPOINT="+collector.URL, "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf")
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(500 * time.Millisecond)
		lines, _ := exec.Command("ps", "-eo", "args").Output()
		err := cmd.Wait()
		if (err != nil) != run.fails || !strings.Contains(out.String(), run.says) {
			t.Errorf("orch %v: %v, want %q:\n%s", run.args, err, run.says, out.String())
		}
		if found := leaks(lines); found != "" {
			t.Errorf("orch %v: the process list has %s", run.args, found)
		}
		if found := leaks(out.Bytes()); found != "" {
			t.Errorf("orch %v: the output has %s:\n%s", run.args, found, out.String())
		}
	}
	collector.mu.Lock()
	defer collector.mu.Unlock()
	if found := leaks(collector.sent.Bytes()); found != "" || collector.sent.Len() == 0 {
		t.Errorf("%d bytes of traces have %q", collector.sent.Len(), found)
	}
	read := 0
	for _, root := range []string{dir, state} {
		_ = filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() || filepath.Base(path) == "lines.pem" {
				return nil
			}
			data, err := os.ReadFile(path)
			if found := leaks(data); err == nil && found != "" {
				t.Errorf("%s has %s", path, found)
			}
			read++
			return nil
		})
	}
	if read < 20 {
		t.Errorf("only %d files were looked at", read)
	}
}
