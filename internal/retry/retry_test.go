package retry

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// ask makes a request through a transport and returns the status and the body.
func ask(ctx context.Context, t *testing.T, rt *Transport, url, body string) (int, string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: rt}).Do(req)
	if err != nil {
		return 0, "", err
	}
	data, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(data), err
}

// TestRoundTrip makes a request again until it goes well, with its body, and
// not where the answer will be the same.
func TestRoundTrip(t *testing.T) {
	cut := func(w http.ResponseWriter) { panic(http.ErrAbortHandler) }
	short := func(w http.ResponseWriter) {
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, "part")
	}
	status := func(code int) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { w.WriteHeader(code) }
	}
	for _, c := range []struct {
		name   string
		fail   func(http.ResponseWriter)
		status int // in the end
		asked  int64
	}{
		{"429", status(429), 200, 3}, {"500", status(500), 200, 3}, {"503", status(503), 200, 3}, {"520", status(520), 200, 3},
		{"408", status(408), 200, 3}, {"cut", cut, 200, 3}, {"short", short, 200, 3},
		{"403", status(403), 403, 1}, {"404", status(404), 404, 1}, {"501", status(501), 501, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			var asked atomic.Int64
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if asked.Add(1) < 3 {
					c.fail(w)
					return
				}
				_, _ = w.Write(body)
			}))
			defer server.Close()
			got, body, err := ask(t.Context(), t, &Transport{Pause: time.Millisecond}, server.URL, "hello")
			if err != nil || got != c.status || asked.Load() != c.asked || got == 200 && body != "hello" {
				t.Errorf("%d %q after %d requests, %v", got, body, asked.Load(), err)
			}
		})
	}
}

// TestBudget ends when the budget of all requests together is spent, and does
// not wait for longer than that.
func TestBudget(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	defer server.Close()
	begin := time.Now()
	if got, _, err := ask(WithBudget(t.Context(), time.Minute), t, &Transport{}, server.URL, ""); got != 429 || err != nil {
		t.Errorf("%d, %v", got, err)
	}
	if took := time.Since(begin); took > 30*time.Second {
		t.Errorf("it waited for %s", took)
	}
	gone := httptest.NewServer(nil)
	gone.Close()
	if _, _, err := ask(WithBudget(t.Context(), 50*time.Millisecond), t, &Transport{Pause: time.Millisecond}, gone.URL, ""); err == nil {
		t.Error("a server that is gone has answered")
	}
}

type trip func(*http.Request) (*http.Response, error)

func (f trip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// TestRefused gives a server that nobody has started a few seconds, unless the
// caller has said how long to go on.
func TestRefused(t *testing.T) {
	for _, c := range []struct {
		name     string
		rt       Transport
		budget   time.Duration
		from, to time.Duration
	}{
		{"by default", Transport{}, 0, time.Second, 3 * time.Second},
		{"transport", Transport{Budget: 20 * time.Second}, 0, 5 * time.Second, 20 * time.Second},
		{"context", Transport{}, time.Minute, 40 * time.Second, time.Minute},
	} {
		synctest.Test(t, func(t *testing.T) {
			c.rt.Next = trip(func(*http.Request) (*http.Response, error) {
				return nil, &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
			})
			ctx, start := t.Context(), time.Now()
			if c.budget > 0 {
				ctx = WithBudget(ctx, c.budget)
			}
			_, _, err := ask(ctx, t, &c.rt, "http://127.0.0.1:1/", "")
			if took := time.Since(start); !errors.Is(err, syscall.ECONNREFUSED) || took < c.from || took > c.to {
				t.Errorf("%s: after %v: %v", c.name, took, err)
			}
		})
	}
}

// TestRetryAfter waits for as long as the server asks.
func TestRetryAfter(t *testing.T) {
	var first, second atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now := time.Now().UnixMilli()
		if first.CompareAndSwap(0, now) {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		second.Store(now)
	}))
	defer server.Close()
	if got, _, err := ask(t.Context(), t, &Transport{Pause: time.Millisecond}, server.URL, ""); got != 200 || err != nil {
		t.Fatalf("%d, %v", got, err)
	}
	if waited := second.Load() - first.Load(); waited < 990 {
		t.Errorf("asked again after %d ms", waited)
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-3": 0, "soon": 0, " 2 ": 2 * time.Second,
		"Fri, 02 Jan 2026 03:05:05 GMT": time.Minute, "Fri, 02 Jan 2026 03:03:05 GMT": 0,
	} {
		if got := After(http.Header{"Retry-After": {value}}, now); got != want {
			t.Errorf("%q: %s, want %s", value, got, want)
		}
	}
}

// TestSilent gives a server up that says nothing, and one that stops in the
// middle of an answer; an interrupt ends the wait.
func TestSilent(t *testing.T) {
	block := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/middle" {
			w.Header().Set("Content-Length", "10")
			_, _ = io.WriteString(w, "x")
			_ = http.NewResponseController(w).Flush()
		}
		<-block
	}))
	defer server.Close()
	defer close(block)
	var silent *SilentError
	for _, path := range []string{"/", "/middle"} {
		_, _, err := ask(WithBudget(t.Context(), 10*time.Millisecond), t, &Transport{Pause: time.Millisecond}, server.URL+path, "")
		if !errors.As(err, &silent) {
			t.Errorf("%s: %v", path, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, _, err := ask(ctx, t, &Transport{}, server.URL, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

// TestLasting asks a server once that speaks another protocol, and a name once
// that does not exist.
func TestLasting(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	server.Config.ErrorLog = nil
	defer server.Close()
	if _, _, err := ask(t.Context(), t, &Transport{Pause: time.Hour}, server.URL, ""); err == nil || !Lasting(err) {
		t.Errorf("a certificate that nobody knows: %v", err)
	}
	plain := httptest.NewServer(nil)
	defer plain.Close()
	at := strings.Replace(plain.URL, "http:", "https:", 1)
	if _, _, err := ask(t.Context(), t, &Transport{Pause: time.Hour}, at, ""); !errors.Is(err, http.ErrSchemeMismatch) {
		t.Errorf("plain HTTP: %v", err)
	}
}
