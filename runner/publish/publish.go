package publish

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sync/errgroup"
)

// parallel is how many tags are moved at the same time.
const parallel = 8

// backTime is how long putting tags back may take once a run has been
// interrupted or a registry has failed.
const backTime = 30 * time.Second

// Publisher moves tags and keeps journals of it.
type Publisher struct {
	// Dir is the folder of the journals.
	Dir string
	// Registry reaches the registries.
	Registry Registry
}

// Registry is what a Publisher needs of registries. A reference is a name with
// a tag, as "registry.example.com/app:v1".
type Registry interface {
	// Digest returns what a tag points to, or "" if there is no such tag.
	Digest(ctx context.Context, ref Ref) (string, error)
	// Point makes a tag point to a digest of the same repository.
	Point(ctx context.Context, ref Ref, digest string) error
	// Remove takes a tag away.
	Remove(ctx context.Context, ref Ref) error
}

// Ref is a name with a tag.
type Ref struct {
	Name string `json:"name"`
	// Insecure allows plain HTTP and unknown certificates.
	Insecure bool `json:"insecure,omitempty"`
}

// Move is one tag that is to point to New and pointed to Old before; Old is ""
// for a tag that was not there.
type Move struct {
	Ref
	New string `json:"new"`
	Old string `json:"old,omitempty"`
}

// PutBackError says that tags could not be moved, and that all of them point
// to what they did before.
type PutBackError struct{ Err error }

func (e *PutBackError) Error() string {
	return e.Err.Error() + "; every tag is where it was"
}

func (e *PutBackError) Unwrap() error { return e.Err }

// UnfinishedError says that some tags have moved and others not, and that a
// journal of it is there.
type UnfinishedError struct{ Err error }

func (e *UnfinishedError) Error() string {
	return e.Err.Error() + "; some tags may have moved: 'orch publish --resume' moves the rest, 'orch publish --rollback' puts them back"
}

func (e *UnfinishedError) Unwrap() error { return e.Err }

// Publish points every tag at its new digest. What an earlier run left
// unfinished is finished before. A tag that points to its digest already is
// not touched, so that a registry whose tags never change accepts it.
//
// An error is a *PutBackError or an *UnfinishedError once a tag may have been
// moved; any other means that none was.
func (p *Publisher) Publish(ctx context.Context, moves []Move) error {
	unlock, err := p.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := p.resume(ctx); err != nil {
		return fmt.Errorf("finishing what an earlier run began to publish: %w", err)
	}
	moves, err = p.look(ctx, moves)
	if err != nil || len(moves) == 0 {
		return err
	}
	j, err := p.begin(moves)
	if err != nil {
		return err
	}
	// Where the tags point was seen just now.
	if err := each(ctx, moves, func(ctx context.Context, m Move) error { return p.Registry.Point(ctx, m.Ref, m.New) }); err != nil {
		return p.putBack(ctx, j, err)
	}
	return j.remove()
}

// putBack undoes a journal after a failure.
func (p *Publisher) putBack(ctx context.Context, j *journal, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), backTime)
	defer cancel()
	err := p.back(ctx, j.Moves)
	if err == nil {
		err = j.remove()
	}
	if err != nil {
		return &UnfinishedError{errors.Join(cause, err)}
	}
	return &PutBackError{cause}
}

// Resume moves the tags of every unfinished journal to their new digests.
func (p *Publisher) Resume(ctx context.Context) error {
	unlock, err := p.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	return p.resume(ctx)
}

func (p *Publisher) resume(ctx context.Context) error {
	return p.eachJournal(func(j *journal) error { return p.forward(ctx, j.Moves) })
}

// Rollback points the tags of every unfinished journal, the latest first, at
// what they pointed to before. A tag that somebody else has moved since stays.
func (p *Publisher) Rollback(ctx context.Context) error {
	unlock, err := p.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	return p.eachJournal(func(j *journal) error { return p.back(ctx, j.Moves) })
}

func (p *Publisher) eachJournal(do func(*journal) error) error {
	journals, err := p.journals()
	if err != nil {
		return err
	}
	for _, j := range journals {
		if err := do(j); err != nil {
			return err
		}
		if err := j.remove(); err != nil {
			return err
		}
	}
	return nil
}

// look finds out where the tags point, and leaves out those that are right.
func (p *Publisher) look(ctx context.Context, moves []Move) ([]Move, error) {
	olds := make([]string, len(moves))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for i, m := range moves {
		group.Go(func() (err error) {
			olds[i], err = p.Registry.Digest(ctx, m.Ref)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var out []Move
	for i, m := range moves {
		if m.Old = olds[i]; m.Old != m.New {
			out = append(out, m)
		}
	}
	return out, nil
}

// forward points tags at their new digests, where they do not yet.
func (p *Publisher) forward(ctx context.Context, moves []Move) error {
	return each(ctx, moves, func(ctx context.Context, m Move) error {
		now, err := p.Registry.Digest(ctx, m.Ref)
		if err != nil || now == m.New {
			return err
		}
		return p.Registry.Point(ctx, m.Ref, m.New)
	})
}

// back points tags at what they pointed to before, where they have been moved.
func (p *Publisher) back(ctx context.Context, moves []Move) error {
	return each(ctx, moves, func(ctx context.Context, m Move) error {
		now, err := p.Registry.Digest(ctx, m.Ref)
		if err != nil || now != m.New {
			return err
		}
		if m.Old == "" {
			return p.Registry.Remove(ctx, m.Ref)
		}
		return p.Registry.Point(ctx, m.Ref, m.Old)
	})
}

// each handles every move, several at a time, and returns the first error
// after all of them have been tried.
func each(ctx context.Context, moves []Move, do func(context.Context, Move) error) error {
	var group errgroup.Group
	group.SetLimit(parallel)
	for _, m := range moves {
		group.Go(func() error { return do(ctx, m) })
	}
	return group.Wait()
}

// lock lets one process at a time work on the journals.
func (p *Publisher) lock(ctx context.Context) (unlock func(), err error) {
	if err := os.MkdirAll(p.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("preparing to publish: %w", err)
	}
	l := flock.New(filepath.Join(p.Dir, "lock"))
	if _, err := l.TryLockContext(ctx, 50*time.Millisecond); err != nil {
		return nil, fmt.Errorf("waiting for another run to publish: %w", err)
	}
	return func() { _ = l.Unlock() }, nil
}
