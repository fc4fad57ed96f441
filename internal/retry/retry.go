// Package retry makes HTTP requests again that failed for a reason that may
// pass: a connection that broke, an answer that was cut off, 429 and 5xx. It
// waits for as long as the server asks with Retry-After, else for a random time
// that grows. How long it goes on is a budget, which the requests of one
// undertaking share.
//
// It reads every answer whole before it hands it on, so it is for small ones.
// It knows nothing of registries; a request must be one that may be made twice.
package retry

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// DefaultPause is the first pause before a request is made again.
	DefaultPause = 300 * time.Millisecond
	// DefaultBudget is for how long requests are made again.
	DefaultBudget = time.Minute
	// refusedFor is for how long a request is made again, by default, whose server
	// refuses the connection: one that is started again is back by then, and else
	// nobody is there.
	refusedFor = 3 * time.Second
	// DefaultAnswer is how long a server may take to begin an answer.
	DefaultAnswer = 30 * time.Second
	// maxPause bounds the pauses that grow.
	maxPause = 10 * time.Second
	// maxAnswer bounds what is read of an answer, in bytes.
	maxAnswer = 64 << 20
)

// Transport makes requests again. The zero value is usable.
type Transport struct {
	// Next makes a single request; nil is http.DefaultTransport.
	Next http.RoundTripper
	// Pause is the first pause, which doubles with each attempt; 0 is
	// DefaultPause.
	Pause time.Duration
	// Budget is for how long a request is made again whose context has no
	// budget; 0 is DefaultBudget.
	Budget time.Duration
	// Answer is how long a single attempt may take; 0 is DefaultAnswer.
	Answer time.Duration
}

type budgetKey struct{}

// WithBudget lets all requests of a context be made again until a time from now
// is over.
func WithBudget(ctx context.Context, budget time.Duration) context.Context {
	return context.WithValue(ctx, budgetKey{}, time.Now().Add(budget))
}

// RoundTrip makes a request until it has an answer that will not change.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	end, ok := req.Context().Value(budgetKey{}).(time.Time)
	chosen := ok || t.Budget > 0
	start := time.Now()
	if !ok {
		end = start.Add(orElse(t.Budget, DefaultBudget))
	}
	pause := orElse(t.Pause, DefaultPause)
	for {
		resp, err := t.attempt(req, end)
		if req.Context().Err() != nil || !passing(resp, err) {
			return resp, err
		}
		wait := pause/2 + rand.N(pause/2+1)
		pause = min(2*pause, maxPause)
		if resp != nil {
			wait = max(wait, After(resp.Header, time.Now()))
		}
		until := end
		if !chosen && refused(err) {
			until = start.Add(min(refusedFor, end.Sub(start)))
		}
		if time.Now().Add(wait).After(until) {
			return resp, err
		}
		if err := sleep(req.Context(), wait); err != nil {
			return nil, err
		}
		if req, err = again(req); err != nil {
			return nil, err
		}
	}
}

// attempt makes a request once and reads the answer. What is left of the budget
// bounds it, so that a server that says nothing does not outlast the budget; a
// single attempt always has a moment.
func (t *Transport) attempt(req *http.Request, end time.Time) (*http.Response, error) {
	const moment = time.Second
	limit := orElse(t.Answer, DefaultAnswer)
	if left := time.Until(end); left < limit {
		limit = max(left, moment)
	}
	ctx, cancel := context.WithTimeoutCause(req.Context(), limit, &SilentError{Host: req.URL.Host, After: limit})
	defer cancel()
	next := t.Next
	if next == nil {
		next = http.DefaultTransport
	}
	resp, err := next.RoundTrip(req.WithContext(ctx))
	if err != nil {
		return nil, cause(ctx, err)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	resp.Body.Close()
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the answer of %s: %w", req.URL.Host, cause(ctx, err))
	case len(data) > maxAnswer:
		return nil, &largeError{req.URL.Host}
	}
	resp.Body = io.NopCloser(bytes.NewReader(data))
	return resp, nil
}

// SilentError says that a server did not answer in time.
type SilentError struct {
	Host  string
	After time.Duration
}

func (e *SilentError) Error() string {
	return fmt.Sprintf("%s does not answer within %s", e.Host, e.After.Round(time.Second))
}

// largeError says that an answer has no end.
type largeError struct{ host string }

func (e *largeError) Error() string {
	return fmt.Sprintf("the answer of %s is larger than %d MB", e.host, maxAnswer>>20)
}

// cause is why a context ended, if that is what an error says.
func cause(ctx context.Context, err error) error {
	if why := context.Cause(ctx); why != nil {
		return why
	}
	return err
}

// passing says whether the same request may have another answer the next time.
func passing(resp *http.Response, err error) bool {
	if err != nil {
		return !Lasting(err)
	}
	switch resp.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return false
	}
	return resp.StatusCode >= 500
}

// refused says whether nobody listens.
func refused(err error) bool {
	const windows = syscall.Errno(10061) // WSAECONNREFUSED, which has no other name
	var errno syscall.Errno
	return errors.As(err, &errno) && (errno == syscall.ECONNREFUSED || errno == windows)
}

// Lasting says whether an error of a request will be the same the next time: a
// name that does not exist, a certificate that is not trusted, a server that
// speaks another protocol.
func Lasting(err error) bool {
	var dns *net.DNSError
	var record tls.RecordHeaderError
	var verify *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	var large *largeError
	switch {
	case errors.As(err, &dns):
		return dns.IsNotFound
	case errors.Is(err, http.ErrSchemeMismatch), errors.As(err, &record), errors.As(err, &verify), errors.As(err, &unknown), errors.As(err, &large):
		return true
	}
	return false
}

// After is for how long an answer asks to be left alone, by its Retry-After:
// seconds or a date, see RFC 9110, section 10.2.3. It is 0 if it does not ask.
func After(header http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(header.Get("Retry-After"))
	if n, err := strconv.Atoi(value); err == nil {
		return max(0, time.Duration(min(n, 1<<31))*time.Second)
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// again is a request that can be made once more.
func again(req *http.Request) (*http.Request, error) {
	out := req.Clone(req.Context())
	if req.Body == nil || req.Body == http.NoBody {
		return out, nil
	}
	if req.GetBody == nil {
		return nil, errors.New("the request cannot be made again: its body is gone")
	}
	var err error
	out.Body, err = req.GetBody()
	return out, err
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func orElse(d, other time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return other
}
