//go:build linux

package server

import (
	"context"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	digest "github.com/opencontainers/go-digest"
)

// forgetful is a content store that forgets what turned out not to be what was
// promised. A store keeps what has arrived of a blob, so that a transfer that
// was cut off can be taken up; content that is wrong would be taken up as
// well, and be wrong every time.
type forgetful struct{ content.Store }

func (s forgetful) Writer(ctx context.Context, opts ...content.WriterOpt) (content.Writer, error) {
	var o content.WriterOpts
	for _, opt := range opts {
		if err := opt(&o); err != nil {
			return nil, err
		}
	}
	w, err := s.Store.Writer(ctx, opts...)
	if err != nil {
		return nil, err
	}
	return &forgetfulWriter{Writer: w, store: s.Store, ref: o.Ref}, nil
}

type forgetfulWriter struct {
	content.Writer
	store content.Store
	ref   string
}

func (w *forgetfulWriter) Commit(ctx context.Context, size int64, expected digest.Digest, opts ...content.Opt) error {
	err := w.Writer.Commit(ctx, size, expected, opts...)
	if errdefs.IsFailedPrecondition(err) {
		w.Writer.Close()
		// If this fails too, the next transfer says so.
		_ = w.store.Abort(ctx, w.ref)
	}
	return err
}
