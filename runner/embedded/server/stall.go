//go:build linux

package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// stallTimeout is how long a registry may say nothing in the middle of an
// answer.
const stallTimeout = time.Minute

// errStalled ends a request to a registry that says nothing any more. Its
// words are those of a connection that times out, which is tried again.
var errStalled = errors.New("i/o timeout: the registry has not answered for " + stallTimeout.String())

// watched sends a request that asks for something, and ends it if the answer
// stalls. How long sending something takes is not known.
func watched(next http.RoundTripper, req *http.Request) (*http.Response, error) {
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		return next.RoundTrip(req)
	}
	ctx, cancel := context.WithCancelCause(req.Context())
	timer := time.AfterFunc(stallTimeout, func() { cancel(errStalled) })
	res, err := next.RoundTrip(req.WithContext(ctx))
	timer.Stop()
	if err != nil {
		defer cancel(nil)
		return nil, stalled(ctx, err)
	}
	res.Body = &watchedBody{ReadCloser: res.Body, ctx: ctx, cancel: cancel, timer: timer}
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
}

func (b *watchedBody) Read(p []byte) (int, error) {
	b.timer.Reset(stallTimeout)
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
