// Package engine talks to a Docker Engine: it opens the connections to the
// BuildKit in it, runs a command in a container of it, pushes its images, and
// says what it can do. It speaks the engine's HTTP protocol itself and needs no
// docker command. It does not know BuildKit, nor what is built.
package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/orch-build/orch/runner/builders/contexts"
)

// answerTimeout is how long an engine may take to answer a question.
const answerTimeout = 20 * time.Second

// Engine is a Docker Engine.
type Engine struct {
	endpoint contexts.Endpoint
	dial     func(context.Context) (net.Conn, error)
	http     *http.Client
}

// New returns the engine at an endpoint. Nobody is called yet.
func New(ep contexts.Endpoint) (*Engine, error) {
	dial, err := dialer(ep)
	if err != nil {
		return nil, fmt.Errorf("the engine at %s: %w", ep.Host, err)
	}
	return &Engine{
		endpoint: ep, dial: dial,
		http: &http.Client{Transport: &http.Transport{
			DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
			DisableKeepAlives: true,
		}},
	}, nil
}

// Host is where the engine listens.
func (e *Engine) Host() string { return e.endpoint.Host }

// String returns who the engine is, for messages.
func (e *Engine) String() string { return e.who() }

// Info is what an engine says of itself.
type Info struct {
	// ID tells it from others; "" if it has none.
	ID      string
	Version string
	// Containerd says that it keeps images in containerd's store, which knows
	// several platforms of an image, and attestations.
	Containerd bool
	// Platform is its own.
	Platform string
}

// Info asks the engine what it is.
func (e *Engine) Info(ctx context.Context) (*Info, error) {
	var said struct {
		ID, ServerVersion, OSType, Architecture string
		DriverStatus                            [][2]string
	}
	if err := e.call(ctx, http.MethodGet, "/info", nil, &said); err != nil {
		return nil, err
	}
	store := [2]string{"driver-type", "io.containerd.snapshotter.v1"}
	return &Info{ID: said.ID, Version: said.ServerVersion, Containerd: slices.Contains(said.DriverStatus, store), Platform: said.OSType + "/" + said.Architecture}, nil
}

// statusError is an answer that refuses.
type statusError struct {
	code int
	said string
}

func (e *statusError) Error() string { return e.said }

// notFound says whether err is the engine's answer that it has no such thing.
func notFound(err error) bool {
	var status *statusError
	return errors.As(err, &status) && status.code == http.StatusNotFound
}

// call asks the engine for something, and reads its answer into result, which may
// be nil.
func (e *Engine) call(ctx context.Context, method, path string, body, result any) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	res, err := e.send(ctx, method, path, body, nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if result == nil {
		return nil
	}
	if err := json.NewDecoder(res.Body).Decode(result); err != nil {
		return fmt.Errorf("%s: what answers is not a Docker engine: %w", e.Host(), err)
	}
	return nil
}

// send sends a request; the answer is a good one, whose body the caller closes.
func (e *Engine) send(ctx context.Context, method, path string, body any, header http.Header) (*http.Response, error) {
	req, err := request(ctx, method, path, body)
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	res, err := e.http.Do(req)
	if err != nil {
		return nil, e.unreachable(ctx, err)
	}
	if res.StatusCode >= 300 {
		defer res.Body.Close()
		return nil, e.refused(res)
	}
	return res, nil
}

// request makes a request with a body as JSON.
func request(ctx context.Context, method, path string, body any) (*http.Request, error) {
	var r io.Reader = http.NoBody
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		r = strings.NewReader(string(data))
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://engine"+path, r)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// refused is an answer that is not a good one.
func (e *Engine) refused(res *http.Response) error {
	data, _ := io.ReadAll(io.LimitReader(res.Body, 4096))
	text, _, several := strings.Cut(strings.TrimSpace(string(data)), "\n")
	if several || strings.HasPrefix(text, "<") {
		return fmt.Errorf("%s: what answers is not a Docker engine: %w", e.who(), &statusError{res.StatusCode, fmt.Sprintf("HTTP status %d", res.StatusCode)})
	}
	var said struct{ Message string }
	if json.Unmarshal(data, &said) == nil && said.Message != "" {
		text = said.Message
	}
	if strings.Contains(text, "HTTP request to an HTTPS server") {
		return errors.New(e.who() + " wants TLS" + e.tlsHint())
	}
	return fmt.Errorf("%s: %w", e.who(), &statusError{res.StatusCode, fmt.Sprintf("%s (HTTP status %d)", text, res.StatusCode)})
}

// who is the engine, for messages.
func (e *Engine) who() string {
	if e.endpoint.From != "" {
		return fmt.Sprintf("the engine at %s (%s)", e.Host(), e.endpoint.From)
	}
	if e.endpoint.Context != "" {
		return fmt.Sprintf("the engine of docker context %q (%s)", e.endpoint.Context, e.Host())
	}
	return "the engine at " + e.Host()
}
