package publish

import (
	"bytes"
	"io"
	"net/http"
	"sync"
)

// pingOnce is a transport that asks a registry how it wants to be asked, which
// is what GET /v2/ is for, once for all of its repositories. The answer has
// nothing of a repository or of a user in it.
type pingOnce struct {
	next http.RoundTripper

	mu    sync.Mutex
	known map[string]*http.Response // by scheme and host; without body
}

func (p *pingOnce) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method != http.MethodGet || req.URL.Path != "/v2/" || req.Header.Get("Authorization") != "" {
		return p.next.RoundTrip(req)
	}
	host := req.URL.Scheme + "://" + req.URL.Host
	// One at a time, so that many who ask at once ask once.
	p.mu.Lock()
	defer p.mu.Unlock()
	if known := p.known[host]; known != nil {
		answer := *known
		answer.Request, answer.Header, answer.Body = req, known.Header.Clone(), http.NoBody
		return &answer, nil
	}
	resp, err := p.next.RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusUnauthorized {
		return resp, err
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	resp.Body.Close()
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(data))
	answer := *resp
	answer.Header, answer.ContentLength = resp.Header.Clone(), 0
	if p.known == nil {
		p.known = map[string]*http.Response{}
	}
	p.known[host] = &answer
	return resp, nil
}
