package publish

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/distribution/reference"
	digest "github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"

	"github.com/orch-build/orch/internal/retry"
	"github.com/orch-build/orch/internal/termtext"
)

const (
	// parallel is how many tags are moved at the same time.
	parallel = 8
	// backTime is how long putting tags back may take once a run has been
	// interrupted or a registry has failed.
	backTime = 30 * time.Second
	// lingerTime is for how long requests that move a tag go on after an
	// interrupt: one that is cut off may take effect all the same.
	lingerTime = 10 * time.Second
)

// Publisher moves tags and keeps journals of it.
type Publisher struct {
	// Moved is how many tags the last Publish moved, if it was good: others pointed to
	// their digests already.
	Moved int
	// Dir is the folder of the journals.
	Dir string
	// Project is the folder of the run, for those who read its journal.
	Project string
	// Registry reaches the registries.
	Registry Registry
	// Budget is for how long requests are made again that fail; 0 is a minute.
	Budget time.Duration
	// Warn and Note, if set, are called with a line that the user has to see.
	Warn, Note func(string)
	// Settle is how long one of two runs that move the same tags at the same
	// time waits for the other; 0 is a second.
	Settle time.Duration

	mentioned    map[string]bool // journals that a warning was given of
	stuck        map[string]bool // journals that are of no use and cannot be set aside
	warnedUnkept bool
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

// valid says what is wrong with a move that was read from a file.
func (m Move) valid() error {
	named, err := reference.ParseNormalizedNamed(m.Name)
	if err != nil {
		return fmt.Errorf("%q is not the name of an image: %w", m.Name, err)
	}
	if _, ok := named.(reference.Tagged); !ok {
		return fmt.Errorf("%q has no tag", m.Name)
	}
	for _, d := range []string{m.New, m.Old} {
		if _, err := digest.Parse(d); err != nil && (d != "" || d == m.New) {
			return fmt.Errorf("%q is not a digest that %s could point to: %w", d, m.Name, err)
		}
	}
	return nil
}

// PutBackError says that tags could not be moved, and that all of them point
// to what they did before.
type PutBackError struct {
	Err error
	// Journal says whether there is one by which the tags can be moved later.
	Journal bool
	// But names the tags of the run that somebody else has moved, if there are any.
	But string
}

func (e *PutBackError) Error() string {
	text := e.Err.Error() + "; every tag is where it was"
	if e.But != "" {
		text += ", but for " + e.But
	}
	if e.Journal {
		text += ": 'orch publish --resume' moves them when the registry takes them"
	}
	return text
}

func (e *PutBackError) Unwrap() error { return e.Err }

// UnfinishedError says that some tags have moved and others not, and that a
// journal of it is there.
type UnfinishedError struct{ Err error }

func (e *UnfinishedError) Error() string {
	return e.Err.Error() + "; some tags may have moved: 'orch publish --resume' moves the rest, 'orch publish --rollback' puts them back"
}

func (e *UnfinishedError) Unwrap() error { return e.Err }

// Publish points every tag at its new digest. A tag that points to its digest
// already is not touched, so that a registry whose tags never change accepts
// it.
//
// An error is a *PutBackError, an *UnfinishedError or a *MixedError once a tag
// may have been moved; any other means that none was.
func (p *Publisher) Publish(ctx context.Context, moves []Move) error {
	j, err := p.reserve(ctx, moves)
	if err != nil {
		return err
	}
	defer j.drop()
	ctx = p.budgeted(ctx)
	all, err := p.look(ctx, moves)
	if err != nil {
		return p.keep(ctx, j, err)
	}
	found := slices.DeleteFunc(slices.Clone(all), Move.there)
	if p.Moved = len(found); p.Moved == 0 {
		return p.close(j)
	}
	j.Moves, j.Stage = found, Moving
	p.save(j)
	begun := time.Now()
	if err := p.point(ctx, found); err != nil {
		return p.putBack(ctx, j, err)
	}
	if err := p.agree(ctx, all, time.Since(begun)); err != nil {
		return errors.Join(err, p.close(j))
	}
	return p.close(j)
}

// close ends a journal whose tags have moved, and those of which nothing is
// left to do by that.
func (p *Publisher) close(j *journal) error {
	if j.path == "" {
		return nil
	}
	tags := names(j.Moves)
	for _, old := range j.replaces {
		if !old.within(tags) {
			continue
		}
		if ok, _ := old.take(); ok {
			_ = old.remove()
		}
	}
	return j.remove()
}

// save writes a journal, if there is one. Where that fails, the run goes on
// without.
func (p *Publisher) save(j *journal) {
	if j.path == "" {
		return
	}
	if err := j.write(); err != nil {
		p.unkept(err)
		_ = j.remove()
		j.path = ""
	}
}

// unkept warns that there is no journal.
func (p *Publisher) unkept(err error) {
	if !p.warnedUnkept {
		p.warnedUnkept = true
		p.warn("no journal can be kept (%v): if orch is killed while tags move, nothing says what is left", err)
	}
}

// keep leaves a journal of tags that are where they were, for a later attempt.
func (p *Publisher) keep(ctx context.Context, j *journal, cause error) error {
	if ctx.Err() != nil {
		return errors.Join(ctx.Err(), p.close(j))
	}
	j.Stage, j.Unseen = Waiting, true
	p.save(j)
	return &PutBackError{Err: cause, Journal: j.path != ""}
}

// putBack undoes a journal after a failure.
func (p *Publisher) putBack(ctx context.Context, j *journal, cause error) error {
	if ctx.Err() != nil {
		p.note("Interrupted while tags move: they are put back. Another interrupt leaves that to 'orch publish'.")
	}
	back, cancel := context.WithTimeout(context.WithoutCancel(ctx), backTime)
	defer cancel()
	if _, err := p.back(withBudget(back, min(p.budget(), backTime)), j.Moves); err != nil {
		return &UnfinishedError{errors.Join(cause, err)}
	}
	j.Stage = Waiting
	p.save(j)
	return &PutBackError{Err: cause, Journal: j.path != ""}
}

// there says whether a tag pointed to its digest already.
func (m Move) there() bool { return m.Old == m.New }

// look finds out where the tags point, and sorts them by name.
func (p *Publisher) look(ctx context.Context, moves []Move) ([]Move, error) {
	olds, err := p.digests(ctx, moves)
	if err != nil {
		return nil, err
	}
	out := slices.Clone(moves)
	for i := range out {
		out[i].Old = olds[i]
	}
	slices.SortFunc(out, func(a, b Move) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

// digests are what the tags point to.
func (p *Publisher) digests(ctx context.Context, moves []Move) ([]string, error) {
	out := make([]string, len(moves))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for i, m := range moves {
		group.Go(func() (err error) {
			out[i], err = p.Registry.Digest(ctx, m.Ref)
			return err
		})
	}
	return out, group.Wait()
}

// point points tags at their new digests. After an error or an interrupt no
// other is begun, and those that are under way come to their end.
func (p *Publisher) point(ctx context.Context, moves []Move) error {
	going, stop := linger(ctx)
	defer stop()
	ctx, failed := context.WithCancelCause(ctx)
	defer failed(nil)
	group := errgroup.Group{}
	group.SetLimit(parallel)
	for _, m := range moves {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error {
			if ctx.Err() != nil {
				return nil
			}
			err := p.Registry.Point(going, m.Ref, m.New)
			if err != nil {
				failed(err)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return context.Cause(ctx)
}

// linger is a context that ends some time after another.
func linger(ctx context.Context) (context.Context, func()) {
	out, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(lingerTime, cancel)
		context.AfterFunc(out, func() { timer.Stop() })
	})
	return out, func() {
		stop()
		cancel()
	}
}

// did counts the tags of a journal by what happened to them.
type did struct {
	mu            sync.Mutex
	moved, stayed int
	// left are the tags that somebody else has moved.
	left []string
}

// count notes a tag that was moved, unless with an error.
func (d *did) count(err error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil {
		d.moved++
	}
	return err
}

func (d *did) stay() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stayed++
}

func (d *did) leave(tag string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left = append(d.left, tag)
	slices.Sort(d.left)
}

func (d *did) String() string {
	text := fmt.Sprintf("%s moved", termtext.Count(d.moved, "tag"))
	if d.stayed > 0 {
		text += fmt.Sprintf(", %d there already", d.stayed)
	}
	if len(d.left) > 0 {
		text += fmt.Sprintf("; left alone, because somebody else has moved them since: %s", strings.Join(d.left, ", "))
	}
	return text
}

// forward points tags at their new digests that are where they were.
func (p *Publisher) forward(ctx context.Context, moves []Move) (*did, error) {
	return p.each(ctx, moves, func(ctx context.Context, m Move, d *did) error {
		now, err := p.Registry.Digest(ctx, m.Ref)
		switch {
		case err != nil:
			return err
		case now == m.New:
			d.stay()
			return nil
		case now != m.Old:
			d.leave(m.Name)
			return nil
		}
		return d.count(p.Registry.Point(ctx, m.Ref, m.New))
	})
}

// back points tags at what they pointed to before, where they have been moved.
func (p *Publisher) back(ctx context.Context, moves []Move) (*did, error) {
	return p.each(ctx, moves, func(ctx context.Context, m Move, d *did) error {
		now, err := p.Registry.Digest(ctx, m.Ref)
		switch {
		case err != nil:
			return err
		case now == m.Old:
			d.stay()
			return nil
		case now != m.New:
			d.leave(m.Name)
			return nil
		}
		if m.Old == "" {
			return d.count(p.Registry.Remove(ctx, m.Ref))
		}
		return d.count(p.Registry.Point(ctx, m.Ref, m.Old))
	})
}

// each handles every move, several at a time, and returns the first error
// after all of them have been tried.
func (p *Publisher) each(ctx context.Context, moves []Move, do func(context.Context, Move, *did) error) (*did, error) {
	d := &did{}
	group := errgroup.Group{}
	group.SetLimit(parallel)
	for _, m := range moves {
		group.Go(func() error { return do(ctx, m, d) })
	}
	return d, group.Wait()
}

// budgeted bounds for how long requests of the phase are made again.
func (p *Publisher) budgeted(ctx context.Context) context.Context {
	return withBudget(ctx, p.budget())
}

func (p *Publisher) budget() time.Duration { return cmp.Or(p.Budget, retry.DefaultBudget) }

func withBudget(ctx context.Context, d time.Duration) context.Context {
	return retry.WithBudget(ctx, d)
}

func (p *Publisher) warn(format string, args ...any) {
	if p.Warn != nil {
		p.Warn(fmt.Sprintf(format, args...))
	}
}

func (p *Publisher) note(format string, args ...any) {
	if p.Note != nil {
		p.Note(fmt.Sprintf(format, args...))
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
