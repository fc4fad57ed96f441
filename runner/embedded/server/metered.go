//go:build linux

package server

import (
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/moby/buildkit/util/progress"

	"github.com/orch-build/orch/runner/meter"
)

// metered makes the requests to registries tell how many bytes they have
// moved, to the build that they are made for.
func metered(hosts docker.RegistryHosts) docker.RegistryHosts {
	return wrapped(hosts, func(next http.RoundTripper) http.RoundTripper { return &counter{next} })
}

// counter counts the bytes of the bodies of requests and answers.
type counter struct{ next http.RoundTripper }

func (c *counter) RoundTrip(req *http.Request) (*http.Response, error) {
	m, ok := movement(req)
	if !ok {
		return c.next.RoundTrip(req)
	}
	begun := time.Now()
	res, err := c.next.RoundTrip(req)
	switch {
	case err != nil || res.StatusCode >= http.StatusMultipleChoices:
	case m.Sent:
		tell(req, m, req.ContentLength, begun)
	default:
		res.Body = &countedBody{ReadCloser: res.Body, done: func(n int64) { tell(req, m, n, begun) }}
	}
	return res, err
}

// movement is what a request moves; false if it has nothing to move.
func movement(req *http.Request) (meter.Movement, bool) {
	m := meter.Movement{Sent: req.Method == http.MethodPut && req.ContentLength > 0}
	if !m.Sent && req.Method != http.MethodGet {
		return m, false
	}
	// A registry may hand over to where its blobs are stored.
	asked := req
	for asked.Response != nil && asked.Response.Request != nil {
		asked = asked.Response.Request
	}
	path := strings.TrimPrefix(asked.URL.Path, "/v2/")
	for _, kind := range []string{"/blobs/", "/manifests/"} {
		if repository, object, ok := strings.Cut(path, kind); ok {
			m.Repository, m.Object = asked.URL.Host+"/"+repository, object
		}
	}
	if digest := asked.URL.Query().Get("digest"); digest != "" {
		m.Object = digest
		if m.Repository == "" {
			m.Repository = asked.URL.Host
		}
	}
	return m, m.Object != ""
}

// tell reports a movement as a status of the vertex that the request is for.
func tell(req *http.Request, m meter.Movement, n int64, begun time.Time) {
	w, ok, _ := progress.NewFromContext(req.Context())
	if !ok || n <= 0 {
		return
	}
	defer w.Close()
	now := time.Now()
	_ = w.Write(m.ID(), progress.Status{Action: m.ID(), Current: int(n), Total: int(n), Started: &begun, Completed: &now})
}

// countedBody counts what is read, and reports it once at the end.
type countedBody struct {
	io.ReadCloser
	n    int64
	done func(int64)
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n += int64(n)
	if err != nil {
		b.report()
	}
	return n, err
}

func (b *countedBody) Close() error {
	b.report()
	return b.ReadCloser.Close()
}

func (b *countedBody) report() {
	if b.done != nil {
		b.done(b.n)
		b.done = nil
	}
}
