package publish

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/orch-build/orch/internal/termtext"
)

// maxRounds is how often a run looks at its tags that another moves at the same
// time.
const maxRounds = 12

// MixedError says that another run moves the same tags at the same time, and
// that they are not all of one run.
type MixedError struct{ Theirs []string }

func (e *MixedError) Error() string {
	return fmt.Sprintf("another run moves the same tags at the same time, again and again, and has %s; the others are this run's", strings.Join(e.Theirs, ", "))
}

// maxStale is how often tags are moved again that are where they were before.
const maxStale = 2

// agree looks whether another run has moved some of the tags meanwhile, and
// sees to it that all of them are of one run. moves are all tags, sorted by
// name, also those that did not have to be moved; took is how long it took to
// move them.
//
// A run that has the first of the tags moves the others again. Another waits,
// for as long as something changes: a run that ends there has left it to this
// one.
//
// A tag that is where it was is either an answer that a registry has remembered
// for a while, or was moved by another run both before this one looked first
// and again now. So it is moved again too, which does no harm if it was the
// former.
func (p *Publisher) agree(ctx context.Context, moves []Move, took time.Duration) error {
	if len(moves) < 2 {
		return nil
	}
	var seen []string
	stale := 0
	for round := range maxRounds {
		now, err := p.digests(ctx, moves)
		if err != nil {
			return nil // all have been moved; what happened to them since is not seen
		}
		rest, theirs := elsewhere(moves, now), foreign(moves, now)
		switch {
		case len(rest) == 0:
			return nil
		case len(theirs) == 0:
			if stale++; stale > maxStale || p.point(ctx, rest) != nil {
				return nil
			}
			continue
		case len(theirs) == len(moves):
			p.note("Another run has moved all of these tags since.")
			return nil
		case theirs[0].Name == moves[0].Name && !slices.Equal(now, seen):
			seen = now
			if p.settle(ctx, took, round) != nil {
				return nil
			}
			continue
		}
		seen = nil
		p.note("Another run moves the same tags: %s moved again, so that all are of one run.", termtext.Count(len(rest), "tag"))
		if err := p.point(ctx, rest); err != nil {
			return &MixedError{list(theirs)}
		}
	}
	return p.mixed(ctx, moves)
}

// mixed is what there is to say of tags that other runs moved again and again.
func (p *Publisher) mixed(ctx context.Context, moves []Move) error {
	now, err := p.digests(ctx, moves)
	theirs := foreign(moves, now)
	if err != nil || len(theirs) == 0 || len(theirs) == len(moves) {
		return nil
	}
	return &MixedError{list(theirs)}
}

// settle waits until another run has most likely moved what it moves.
func (p *Publisher) settle(ctx context.Context, took time.Duration, round int) error {
	wait := max(cmp.Or(p.Settle, time.Second), 2*took)
	return pause(ctx, wait+rand.N(wait*time.Duration(round+1)))
}

// elsewhere are the tags that are not where they are to be.
func elsewhere(moves []Move, now []string) []Move {
	var out []Move
	for i, m := range moves {
		if now[i] != m.New {
			out = append(out, m)
		}
	}
	return out
}

// foreign are the tags that are neither where they were nor where they are to
// be: another run has moved these for certain.
func foreign(moves []Move, now []string) []Move {
	var out []Move
	for i, m := range moves {
		if now[i] != m.New && now[i] != m.Old {
			out = append(out, m)
		}
	}
	return out
}

func list(moves []Move) []string {
	var out []string
	for _, m := range moves {
		out = append(out, m.Name)
	}
	return out
}
