package publish

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// prepareTime is how long finishing what an earlier run has left may take
// before a build.
const prepareTime = 15 * time.Second

// Prepare makes way for moving tags: journals that cannot be read are set
// aside, and what an earlier run has left half done of these tags is finished,
// or set aside as well. It is for the time before a build.
func (p *Publisher) Prepare(ctx context.Context, refs []Ref) error {
	tags := map[string]bool{}
	for _, r := range refs {
		tags[r.Name] = true
	}
	_, err := p.clear(ctx, tags, nil)
	if err != nil && ctx.Err() == nil {
		p.unkept(err)
	}
	return ctx.Err()
}

// reserve begins a journal for moves, when no other process moves one of these
// tags. Where no journal can be kept it is in memory only, without a path.
func (p *Publisher) reserve(ctx context.Context, moves []Move) (*journal, error) {
	j := &journal{Version: journalVersion, Started: time.Now().UTC(), Project: p.Project, Stage: Looking, Moves: moves}
	j.path = filepath.Join(p.Dir, j.Started.Format("20060102T150405.000000000")+journalExt)
	cleared, err := p.clear(ctx, names(moves), func() error {
		if err := j.write(); err != nil {
			return err
		}
		if ok, err := j.take(); !ok {
			return errors.Join(errors.New("the journal cannot be locked"), err, j.remove())
		}
		return nil
	})
	switch {
	case ctx.Err() != nil:
		if j.lock != nil {
			_ = j.remove() // nothing has moved, and nobody will ask for it
		}
		return nil, ctx.Err()
	case err != nil:
		p.unkept(err)
		return &journal{}, nil
	}
	j.replaces = cleared
	return j, nil
}

// clear waits until no other process moves one of some tags, finishes what is
// left half done of them, and then calls then. It returns the journals with
// these tags of which nothing was half done.
func (p *Publisher) clear(ctx context.Context, tags map[string]bool, then func() error) ([]*journal, error) {
	told := false
	for {
		var left, idle []*journal
		busy := false
		err := p.locked(ctx, func() (err error) {
			left, idle, busy, err = p.sort(tags)
			if err == nil && len(left) == 0 && !busy && then != nil {
				err = then()
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, j := range left {
			p.finishOrSetAside(ctx, j)
		}
		if len(left) == 0 && !busy {
			return idle, nil
		}
		if busy && !told {
			told = true
			p.note("Waiting for another run on this machine, which moves the same tags.")
		}
		if busy {
			if err := pause(ctx, lockPause); err != nil {
				return nil, err
			}
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
}

// sort looks through the journals: left are those that hold one of some tags
// half done and that nobody works on, and are locked; idle are those of which
// nothing was half done; busy is true if others work on one.
func (p *Publisher) sort(tags map[string]bool) (left, idle []*journal, busy bool, err error) {
	all, err := journals(p.Dir)
	for _, j := range all {
		ours := j.unread == nil && j.shares(tags) && !p.stuck[j.path]
		taken := false
		if ours {
			taken, j.unread = j.take()
		}
		switch {
		case j.unread != nil:
			p.setAside(j, j.unread)
		case !ours:
			p.mention(j)
		case !taken:
			busy = true
		case j.Stage == Looking:
			_ = j.remove() // its run has ended before it moved anything
		case j.Stage == Waiting:
			j.drop()
			idle = append(idle, j)
		default:
			left = append(left, j)
		}
	}
	return left, idle, busy, err
}

// mention says once that there is a journal of other tags that nobody works on.
func (p *Publisher) mention(j *journal) {
	if p.mentioned[j.path] || p.stuck[j.path] || j.Stage != Moving {
		return
	}
	if ok, _ := j.take(); !ok {
		return
	}
	j.drop()
	if p.mentioned == nil {
		p.mentioned = map[string]bool{}
	}
	p.mentioned[j.path] = true
	p.warn("an earlier run%s has moved its tags only in part: see 'orch publish --status'", j.from())
}

// from says which run a journal is of.
func (j *journal) from() string {
	text := ""
	if j.Project != "" {
		text = " in " + j.Project
	}
	if !j.Started.IsZero() {
		text += " of " + j.Started.Local().Format(time.DateTime)
	}
	return text
}

// finishOrSetAside moves the rest of the tags of an earlier run.
func (p *Publisher) finishOrSetAside(ctx context.Context, j *journal) {
	ctx, cancel := context.WithTimeout(ctx, prepareTime)
	defer cancel()
	did, err := p.forward(withBudget(ctx, min(p.budget(), prepareTime)), j.Moves)
	if err != nil && errors.Is(ctx.Err(), context.Canceled) {
		j.drop()
		return
	}
	if err != nil {
		p.setAside(j, fmt.Errorf("what it began to publish cannot be finished: %w", err))
		return
	}
	if err := j.remove(); err != nil {
		p.warn("%v", err)
	}
	p.note("Finished what an earlier run%s began to publish: %s.", j.from(), did)
}
