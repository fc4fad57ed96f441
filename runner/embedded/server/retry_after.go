//go:build linux

package server

import (
	"net/http"
	"time"

	"github.com/containerd/containerd/v2/core/remotes/docker"

	"github.com/orch-build/orch/internal/retry"
)

// maxRetryAfter bounds how long a registry may ask to be left alone.
const maxRetryAfter = time.Minute

// patient makes the requests to registries obey Retry-After: the registry
// client tries a request again that was answered with 429, but at once. A
// registry that says nothing for the time of timeout is given up.
func patient(hosts docker.RegistryHosts, timeout time.Duration) docker.RegistryHosts {
	return wrapped(hosts, func(next http.RoundTripper) http.RoundTripper { return &retryAfterTransport{next, timeout} })
}

// wrapped puts a transport around each registry's.
func wrapped(hosts docker.RegistryHosts, around func(http.RoundTripper) http.RoundTripper) docker.RegistryHosts {
	return func(host string) ([]docker.RegistryHost, error) {
		found, err := hosts(host)
		for i := range found {
			client := *http.DefaultClient
			if found[i].Client != nil {
				client = *found[i].Client
			}
			if client.Transport == nil {
				client.Transport = http.DefaultTransport
			}
			client.Transport = around(client.Transport)
			found[i].Client = &client
		}
		return found, err
	}
}

// retryAfterTransport holds an answer back that asks for a pause, for as long as it asks.
type retryAfterTransport struct {
	next    http.RoundTripper
	timeout time.Duration // see watched
}

func (p *retryAfterTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := watched(p.next, p.timeout, req)
	if err != nil || res.StatusCode != http.StatusTooManyRequests && res.StatusCode != http.StatusServiceUnavailable {
		return res, err
	}
	wait := min(retry.After(res.Header, time.Now()), maxRetryAfter)
	if wait <= 0 {
		return res, nil
	}
	select {
	case <-time.After(wait):
		return res, nil
	case <-req.Context().Done():
		res.Body.Close()
		return nil, req.Context().Err()
	}
}
