//go:build linux

package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// errStalled ends a request to a registry that says nothing any more. Its
// words are those of a connection that times out, which is tried again.
var errStalled = errors.New("i/o timeout: the registry does not answer any more")

// commitTimes is how many times as long as otherwise a registry may take to
// answer once it has all of what it was sent. To check and store a large layer
// takes a while.
const commitTimes = 5

// watched sends a request, and ends it if a registry says nothing for the time
// of timeout in the middle of it.
func watched(next http.RoundTripper, timeout time.Duration, req *http.Request) (*http.Response, error) {
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		return watchedSend(next, commitTimes*timeout, req)
	}
	ctx, cancel := context.WithCancelCause(req.Context())
	timer := time.AfterFunc(timeout, func() { cancel(errStalled) })
	res, err := next.RoundTrip(req.WithContext(ctx))
	timer.Stop()
	if err != nil {
		defer cancel(nil)
		return nil, stalled(ctx, err)
	}
	res.Body = &watchedBody{ReadCloser: res.Body, ctx: ctx, cancel: cancel, timer: timer, timeout: timeout}
	return res, nil
}

// stalled is why a request has ended.
func stalled(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), errStalled) {
		return errStalled
	}
	return err
}

// watchedBody is an answer of which every piece has to come in time.
type watchedBody struct {
	io.ReadCloser
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	// timeout is the time for one piece.
	timeout time.Duration
}

func (b *watchedBody) Read(p []byte) (int, error) {
	b.timer.Reset(b.timeout)
	n, err := b.ReadCloser.Read(p)
	b.timer.Stop()
	if err != nil && err != io.EOF {
		err = stalled(b.ctx, err)
	}
	return n, err
}

func (b *watchedBody) Close() error {
	b.timer.Stop()
	err := b.ReadCloser.Close()
	b.cancel(nil)
	return err
}

// watchedSend sends something, which may take any time, and ends the request if
// there is no answer for the time of timeout afterwards.
func watchedSend(next http.RoundTripper, timeout time.Duration, req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	defer cancel(nil)
	timer := time.AfterFunc(timeout, func() { cancel(errStalled) })
	defer timer.Stop()
	sent := req.WithContext(ctx)
	if req.Body != nil && req.Body != http.NoBody {
		timer.Stop()
		sent.Body = &sentBody{req.Body, timer, timeout}
	}
	res, err := next.RoundTrip(sent)
	if err != nil {
		return nil, stalled(ctx, err)
	}
	// The answer is short, and its body must outlive ctx.
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	res.Body.Close()
	if err != nil {
		return nil, stalled(ctx, err)
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, nil
}

// maxAnswer bounds what is read of the answer to something that was sent, in
// bytes.
const maxAnswer = 1 << 20

// sentBody starts a timer when all of it has been read.
type sentBody struct {
	io.ReadCloser
	timer   *time.Timer
	timeout time.Duration
}

func (b *sentBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.timer.Reset(b.timeout)
	}
	return n, err
}
