//go:build linux

package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// ran is what a RUN step of the load prints when it is run. The step
// computes it, so that the text of the step does not hold it.
const ran = "ran-42"

// load is a project of n targets: one Dockerfile with a base stage, n stages
// on it that each copy a small folder and run a step, and n final stages from
// scratch.
type load struct {
	n   int
	dir string
}

// newLoad writes the project into a folder of the test.
func newLoad(tb testing.TB, n int) *load {
	l := &load{n: n, dir: tb.TempDir()}
	var file strings.Builder
	file.WriteString(`FROM scratch AS base
COPY --from=busybox . /
COPY base.txt /
RUN sleep 1; echo ran-$((40+2)); cat /base.txt > /base
`)
	for i := range n {
		fmt.Fprintf(&file, `FROM base AS build-%[1]d
COPY svc-%[1]d /svc
RUN echo ran-$((40+2)); cat /base /svc/* > /out
FROM scratch AS svc-%[1]d
COPY --from=build-%[1]d /out /out
`, i)
		for f := range 5 {
			l.write(tb, fmt.Sprintf("svc-%d/%d.txt", i, f), fmt.Sprintf("service %d, file %d\n", i, f))
		}
	}
	l.write(tb, "Dockerfile", file.String())
	l.write(tb, "base.txt", "the base\n")
	l.write(tb, "docker-bake.hcl", l.definition("cache/svc-${i}", "", "[]"))
	l.write(tb, "build.hcl", l.definition("cache/all", ` && BLOCK == ""`, "null")+cacheBlock)
	return l
}

// cacheBlock is the other way to have a cache in build.hcl: BLOCK is "write" or
// "read".
const cacheBlock = `
cache {
  type = BLOCK == "" ? "none" : "registry"
  ref  = "${REGISTRY}/cache/block"
  when = BLOCK == "write"
  lane = "main"
}
`

// definition is the bake file, with the repository that targets keep their
// cache in, a further condition for that, and what stands for none. What a run
// does is chosen by variables.
func (l *load) definition(repository, unless, none string) string {
	return fmt.Sprintf(`variable "REGISTRY" { default = "" }
variable "BLOCK" { default = "" }
variable "READ" { default = false }
variable "WRITE" { default = false }
variable "PUSH" { default = false }

group "default" { targets = ["svc"] }

target "svc" {
  matrix     = { i = range(0, %d) }
  name       = "svc-${i}"
  target     = "svc-${i}"
  contexts   = { busybox = %q }
  cache-from = READ%[4]s ? ["type=registry,ref=${REGISTRY}/%[3]s"] : %[5]s
  cache-to   = WRITE%[4]s ? ["type=registry,ref=${REGISTRY}/%[3]s,mode=max"] : %[5]s
  output     = PUSH ? ["type=image,name=${REGISTRY}/image/svc-${i}:load,push=true"] : ["type=cacheonly"]
}
`, l.n, shared.busybox, repository, unless, none)
}

// write writes one file of the project.
func (l *load) write(tb testing.TB, name, data string) {
	tb.Helper()
	path := filepath.Join(l.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
		tb.Fatal(err)
	}
}

// meter is in front of the registry and counts what passes.
type meter struct {
	host     string
	requests atomic.Int64
	up, down atomic.Int64
	delay    atomic.Int64 // nanoseconds added to each request
}

// newMeter starts a meter in front of the registry of the tests.
func newMeter(tb testing.TB) *meter {
	m := &meter{}
	target, err := url.Parse("http://" + shared.registry)
	if err != nil {
		tb.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.requests.Add(1)
		time.Sleep(time.Duration(m.delay.Load()))
		r.Body = &countingBody{r.Body, &m.up}
		proxy.ServeHTTP(&countingWriter{w, &m.down}, r)
	}))
	tb.Cleanup(server.Close)
	m.host = strings.TrimPrefix(server.URL, "http://")
	return m
}

// take returns the counts and sets them to zero.
func (m *meter) take() (requests, up, down int64) {
	return m.requests.Swap(0), m.up.Swap(0), m.down.Swap(0)
}

type countingBody struct {
	io.ReadCloser
	n *atomic.Int64
}

func (c *countingBody) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.n.Add(int64(n))
	return n, err
}

type countingWriter struct {
	http.ResponseWriter
	n *atomic.Int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.n.Add(int64(n))
	return n, err
}
