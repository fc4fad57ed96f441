package publish

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// answerTime is how long a registry may take to begin an answer.
const answerTime = 30 * time.Second

// retryPause is the first pause before a request that failed for a passing
// reason is made again; the next are three times as long.
const retryPause = 300 * time.Millisecond

// Remote is a Registry over HTTP.
type Remote struct {
	puller *remote.Puller
	pusher *remote.Pusher
}

// NewRemote returns a Registry that uses the credentials of the docker
// configuration. pause is the first one before a retry; 0 is the default.
func NewRemote(pause time.Duration) (*Remote, error) {
	if pause == 0 {
		pause = retryPause
	}
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.ResponseHeaderTimeout = answerTime
	options := []remote.Option{
		remote.WithAuthFromKeychain(authn.DefaultKeychain),
		remote.WithTransport(&pingOnce{next: t}),
		remote.WithUserAgent("orch"),
		remote.WithRetryBackoff(remote.Backoff{Duration: pause, Factor: 3, Jitter: 0.1, Steps: 3}),
	}
	puller, err := remote.NewPuller(options...)
	if err != nil {
		return nil, fmt.Errorf("preparing to read from registries: %w", err)
	}
	pusher, err := remote.NewPusher(options...)
	if err != nil {
		return nil, fmt.Errorf("preparing to write to registries: %w", err)
	}
	return &Remote{puller, pusher}, nil
}

func (ref Ref) tag() (name.Tag, error) {
	var opts []name.Option
	if ref.Insecure {
		opts = append(opts, name.Insecure)
	}
	return name.NewTag(ref.Name, opts...)
}

// Digest asks for a tag's digest.
func (r *Remote) Digest(ctx context.Context, ref Ref) (string, error) {
	tag, err := ref.tag()
	if err != nil {
		return "", err
	}
	desc, err := r.puller.Head(ctx, tag)
	if missing(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("asking where %s points: %w", ref.Name, err)
	}
	return desc.Digest.String(), nil
}

// Point reads the manifest of a digest and stores it under a tag.
func (r *Remote) Point(ctx context.Context, ref Ref, digest string) error {
	tag, err := ref.tag()
	if err != nil {
		return err
	}
	desc, err := r.puller.Get(ctx, tag.Context().Digest(digest))
	if err != nil {
		return fmt.Errorf("reading %s: %w", tag.Context().Digest(digest), err)
	}
	if err := r.pusher.Put(ctx, tag, desc); err != nil {
		return fmt.Errorf("pointing %s at %s: %w", ref.Name, digest, err)
	}
	return nil
}

// Remove deletes a tag.
func (r *Remote) Remove(ctx context.Context, ref Ref) error {
	tag, err := ref.tag()
	if err != nil {
		return err
	}
	if err := r.pusher.Delete(ctx, tag); err != nil && !missing(err) {
		return fmt.Errorf("removing %s, which was not there before: %w", ref.Name, err)
	}
	return nil
}

func missing(err error) bool {
	var e *transport.Error
	return errors.As(err, &e) && e.StatusCode == http.StatusNotFound
}
