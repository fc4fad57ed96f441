package store

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// Patience bounds how long the stores of one place are waited for that do not move:
// what is large may take its time as long as it goes on. Where a place has been given
// up once, it is not waited for again.
type Patience struct {
	// Quiet is for how long nothing may be sent or received.
	Quiet time.Duration

	lost atomic.Bool
}

// QuietError is a place that was given up.
type QuietError struct{ After time.Duration }

func (e *QuietError) Error() string {
	return fmt.Sprintf("nothing was sent or received for %s", e.After.Round(time.Second))
}

// With is a store of the place that is given up when it does not move.
func (p *Patience) With(s Store) Store { return &patient{s, p} }

type patient struct {
	Store
	patience *Patience
}

// watched is a call that is watched.
type watched struct {
	context.Context
	patience *Patience
	timer    *time.Timer
	cancel   context.CancelCauseFunc
}

func (p *Patience) watch(ctx context.Context) *watched {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &watched{Context: ctx, patience: p, cancel: cancel}
	quiet := func() {
		p.lost.Store(true)
		cancel(&QuietError{p.Quiet})
	}
	if p.lost.Load() {
		cancel(&QuietError{p.Quiet})
	}
	w.timer = time.AfterFunc(p.Quiet, quiet)
	return w
}

func (w *watched) moved() { w.timer.Reset(w.patience.Quiet) }

func (w *watched) stop() {
	w.timer.Stop()
	w.cancel(nil)
}

// why is the reason of an error.
func (w *watched) why(err error) error {
	if quiet, ok := context.Cause(w).(*QuietError); ok && err != nil {
		return quiet
	}
	return err
}

func (p *patient) Load(ctx context.Context) (*Entry, error) {
	w := p.patience.watch(ctx)
	defer w.stop()
	e, err := p.Store.Load(w)
	return e, w.why(err)
}

func (p *patient) Open(ctx context.Context, e *Entry) (io.ReadCloser, error) {
	w := p.patience.watch(ctx)
	body, err := p.Store.Open(w, e)
	w.timer.Stop()
	if err != nil {
		defer w.stop()
		return nil, w.why(err)
	}
	return &watchedBody{body, w}, nil
}

// watchedBody watches single reads: who reads may take any time between them.
type watchedBody struct {
	io.ReadCloser
	w *watched
}

func (b *watchedBody) Read(p []byte) (int, error) {
	b.w.moved()
	n, err := b.ReadCloser.Read(p)
	b.w.timer.Stop()
	if err != nil && err != io.EOF {
		err = b.w.why(err)
	}
	return n, err
}

func (b *watchedBody) Close() error {
	defer b.w.stop()
	return b.ReadCloser.Close()
}

func (p *patient) Save(ctx context.Context, e *Entry, archive io.ReaderAt) error {
	w := p.patience.watch(ctx)
	defer w.stop()
	return w.why(p.Store.Save(w, e, watchedArchive{archive, e.Layer.Size, w}))
}

// checked is how many bytes a registry checks, or moves to where they stay, in a
// second at least, before it answers.
const checked = 20 << 20

// watchedArchive is an archive whose reading shows that it is being sent.
type watchedArchive struct {
	io.ReaderAt
	size int64
	w    *watched
}

func (a watchedArchive) ReadAt(p []byte, off int64) (int, error) {
	wait := a.w.patience.Quiet
	if off+int64(len(p)) >= a.size {
		wait += time.Duration(a.size/checked) * time.Second
	}
	a.w.timer.Reset(wait)
	return a.ReaderAt.ReadAt(p, off)
}
