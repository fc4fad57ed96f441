package publish

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Pending is a journal that is not finished.
type Pending struct {
	ID      string    `json:"id"`
	Path    string    `json:"path"`
	Started time.Time `json:"started,omitzero"`
	Project string    `json:"project,omitempty"`
	Stage   Stage     `json:"stage,omitempty"`
	// Busy says that another process works on it.
	Busy bool `json:"busy,omitempty"`
	// Aside is why it was set aside, and Unread why it cannot be read.
	Aside  string `json:"aside,omitempty"`
	Unread string `json:"unread,omitempty"`
	Moves  []Move `json:"moves"`
}

// Pending lists the unfinished journals, the oldest first, and then those that
// were set aside.
func (p *Publisher) Pending(ctx context.Context) ([]Pending, error) {
	all, err := p.all(ctx)
	var out []Pending
	for _, j := range all {
		one := Pending{ID: j.id(), Path: j.path, Started: j.Started, Project: j.Project, Stage: j.Stage, Aside: j.Aside, Busy: j.lock == nil && j.unread == nil, Moves: j.Moves}
		if j.unread != nil {
			one.Unread, one.Moves = j.unread.Error(), []Move{}
		}
		j.drop()
		out = append(out, one)
	}
	return out, err
}

// all are the journals, with those that were set aside at the end. Those on
// which no other process works are locked.
func (p *Publisher) all(ctx context.Context) ([]*journal, error) {
	found, err := journals(p.Dir)
	aside, asideErr := journals(filepath.Join(p.Dir, asideName))
	found = append(found, aside...)
	if err = errors.Join(err, asideErr); err != nil || len(found) == 0 {
		return found, err
	}
	err = p.locked(ctx, func() error {
		for _, j := range found {
			if j.unread == nil {
				_, j.unread = j.take()
			}
		}
		return nil
	})
	return slices.DeleteFunc(found, p.blind), err
}

// blind removes a journal of a run that ended before it knew where its tags were: none has
// moved, and nothing would tell whether somebody else has moved them since.
func (p *Publisher) blind(j *journal) bool {
	if j.Stage != Looking || j.lock == nil || len(j.Moves) == 0 {
		return false
	}
	p.note("The run of %s ended before it moved any tag, such as %s. 'orch bake --resume' publishes what it has built.",
		j.Started.Local().Format(time.DateTime), j.Moves[0].Name)
	return j.remove() == nil
}

// Handled is the result of one journal.
type Handled struct {
	Pending
	// Tags counts the tags that are now where they were wanted.
	Tags int
	// Left are the tags that somebody else has moved since, and that stay.
	Left []string
	// Err is why the journal is not done; it stays then.
	Err error
}

// Resume moves the tags of journals to their new digests: of those with the
// given IDs, or of all. A tag that somebody else has moved since stays.
func (p *Publisher) Resume(ctx context.Context, ids ...string) ([]Handled, error) {
	return p.handle(ctx, ids, inOrder, func(j *journal) (*did, error) {
		ctx := p.budgeted(ctx)
		if j.Unseen {
			if err := p.see(ctx, j); err != nil {
				return &did{}, err
			}
		}
		if j.Stage != Moving || j.Unseen {
			j.Stage, j.Unseen = Moving, false
			if err := j.write(); err != nil {
				return &did{}, err
			}
		}
		return p.forward(ctx, j.Moves)
	})
}

// see finds out where the tags of a journal point.
func (p *Publisher) see(ctx context.Context, j *journal) error {
	olds, err := p.digests(ctx, j.Moves)
	if err != nil {
		return err
	}
	for i := range j.Moves {
		j.Moves[i].Old = olds[i]
	}
	return nil
}

// Rollback points the tags of journals, the latest first, at what they pointed
// to before. A tag that somebody else has moved since stays.
func (p *Publisher) Rollback(ctx context.Context, ids ...string) ([]Handled, error) {
	return p.handle(ctx, ids, latestFirst, func(j *journal) (*did, error) {
		if j.Stage != Moving {
			return &did{stayed: len(j.Moves)}, nil
		}
		return p.back(p.budgeted(ctx), j.Moves)
	})
}

// Forget removes journals, and leaves the tags where they are.
func (p *Publisher) Forget(ctx context.Context, ids ...string) ([]Handled, error) {
	return p.handle(ctx, ids, inOrder, nil)
}

// order is that in which journals are handled.
type order bool

const (
	inOrder     order = false // as they were begun
	latestFirst order = true
)

// handle does something with journals, each for itself, and removes those that
// are done. nil is to forget them.
func (p *Publisher) handle(ctx context.Context, ids []string, first order, do func(*journal) (*did, error)) ([]Handled, error) {
	all, err := p.all(ctx)
	defer func() {
		for _, j := range all {
			j.drop()
		}
	}()
	if err != nil {
		return nil, err
	}
	if err := known(all, ids); err != nil {
		return nil, err
	}
	if first == latestFirst {
		slices.Reverse(all)
	}
	var out []Handled
	for _, j := range all {
		if len(ids) == 0 || slices.Contains(ids, j.id()) {
			out = append(out, p.handleOne(ctx, j, do))
		}
	}
	return out, nil
}

// known says which of some IDs is none.
func known(all []*journal, ids []string) error {
	var have []string
	for _, j := range all {
		have = append(have, j.id())
	}
	for _, id := range ids {
		if !slices.Contains(have, id) {
			if len(have) == 0 {
				return fmt.Errorf("there is no journal %q, nor any other", id)
			}
			return fmt.Errorf("there is no journal %q; there are %s", id, strings.Join(have, ", "))
		}
	}
	return nil
}

func (p *Publisher) handleOne(ctx context.Context, j *journal, do func(*journal) (*did, error)) Handled {
	h := Handled{Pending: Pending{ID: j.id(), Path: j.path, Started: j.Started, Project: j.Project, Stage: j.Stage, Aside: j.Aside, Moves: j.Moves}}
	switch {
	case ctx.Err() != nil:
		h.Err = ctx.Err()
	case j.unread != nil && do != nil:
		h.Unread = j.unread.Error()
		h.Err = fmt.Errorf("%w; 'orch publish --forget %s' removes it", j.unread, j.id())
	case j.unread == nil && j.lock == nil:
		h.Busy, h.Err = true, errors.New("another process works on it")
	case do == nil:
		h.Err = j.remove()
	default:
		did, err := do(j)
		h.Tags, h.Left, h.Err = did.moved+did.stayed, did.left, err
		if err == nil {
			h.Err = j.remove()
		}
	}
	return h
}
