//go:build linux

package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orch-build/orch/runner/embedded/internal/state"
)

// answers gives each request the next of a list of answers.
type answers []*http.Response

func (a *answers) RoundTrip(*http.Request) (*http.Response, error) {
	res := (*a)[0]
	*a = (*a)[1:]
	return res, nil
}

func TestPatience(t *testing.T) {
	start := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // of every synctest bubble
	tests := []struct {
		name   string
		status int
		header string
		want   time.Duration
	}{
		{"good", 200, "5", 0},
		{"seconds", 429, "5", 5 * time.Second},
		{"a date", 503, start.Add(7 * time.Second).Format(http.TimeFormat), 7 * time.Second},
		{"too long", 429, "86400", maxRetryAfter},
		{"past", 429, start.Add(-time.Hour).Format(http.TimeFormat), 0},
		{"nonsense", 429, "soon", 0},
		{"none", 429, "", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &retryAfterTransport{&answers{{StatusCode: tt.status, Header: http.Header{"Retry-After": {tt.header}}, Body: http.NoBody}}, stallTimeout}
				req, err := http.NewRequest(http.MethodGet, "http://registry/v2/", nil)
				if err != nil {
					t.Fatal(err)
				}
				begin := time.Now()
				res, err := p.RoundTrip(req)
				if err != nil || res.StatusCode != tt.status {
					t.Fatalf("%v, %v", res, err)
				}
				if took := time.Since(begin); took != tt.want {
					t.Errorf("waited %s, want %s", took, tt.want)
				}
			})
		})
	}
}

const stallTimeout = state.DefaultRegistryTimeout

// silent answers as far as it is told to, and then says nothing until the
// request is given up.
type silent struct{ header bool }

func (s silent) RoundTrip(req *http.Request) (*http.Response, error) {
	if !s.header {
		<-req.Context().Done()
		return nil, req.Context().Err()
	}
	r, w := io.Pipe()
	context.AfterFunc(req.Context(), func() { w.CloseWithError(req.Context().Err()) })
	return &http.Response{StatusCode: 200, Body: r}, nil
}

func TestStalled(t *testing.T) {
	for _, header := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://registry/v2/", nil)
			if err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			res, err := watched(silent{header}, stallTimeout, req)
			if header {
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(2 * stallTimeout) // the reader may take its time
				begin = time.Now()
				_, err = io.ReadAll(res.Body)
				res.Body.Close()
			}
			if took := time.Since(begin); !errors.Is(err, errStalled) || took != stallTimeout {
				t.Errorf("header %v: %v after %s", header, err, took)
			}
		})
	}
}

// slowly takes what it is sent a piece a minute, and then answers or says
// nothing.
type slowly struct{ answers bool }

func (s slowly) RoundTrip(req *http.Request) (*http.Response, error) {
	for piece := make([]byte, 1); ; time.Sleep(time.Minute) {
		if _, err := req.Body.Read(piece); err != nil {
			break
		}
	}
	if s.answers {
		return &http.Response{StatusCode: 201, Body: io.NopCloser(strings.NewReader("stored"))}, nil
	}
	<-req.Context().Done()
	return nil, req.Context().Err()
}

func TestStalledAfterSending(t *testing.T) {
	const data = "ten bytes."
	for _, answers := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://registry/v2/", strings.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			res, err := watched(slowly{answers}, stallTimeout, req)
			if answers {
				if err != nil {
					t.Fatal(err)
				}
				if body, err := io.ReadAll(res.Body); err != nil || string(body) != "stored" {
					t.Errorf("the answer is %q, %v", body, err)
				}
				return
			}
			if took := time.Since(begin); !errors.Is(err, errStalled) || took != time.Duration(len(data))*time.Minute+commitTimes*stallTimeout {
				t.Errorf("%v after %s", err, took)
			}
		})
	}
}

func TestPatienceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		p := &retryAfterTransport{&answers{{StatusCode: 429, Header: http.Header{"Retry-After": {"30"}}, Body: http.NoBody}}, stallTimeout}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://registry/v2/", nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.RoundTrip(req); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
	})
}
