package publish

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
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

// agree looks whether another run has moved some of the tags meanwhile, and
// sees to it that all of them are of one run. moves are sorted by name; took is
// how long it took to move them.
//
// A run that has the first of the tags moves the others again. Another waits,
// for as long as something changes: a run that ends there has left it to this
// one.
func (p *Publisher) agree(ctx context.Context, moves []Move, took time.Duration) error {
	if len(moves) < 2 {
		return nil
	}
	var seen []string
	for round := range maxRounds {
		now, err := p.digests(ctx, moves)
		if err != nil {
			return nil // all have been moved; what happened to them since is not seen
		}
		theirs := foreign(moves, now)
		switch {
		case len(theirs) == 0:
			return nil
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
		p.note("Another run moves the same tags: %s moved again, so that all are of one run.", tags(len(theirs)))
		if err := p.point(ctx, theirs); err != nil {
			return &MixedError{list(theirs)}
		}
	}
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

// foreign are the tags that are neither where they were nor where they are to
// be. One that is where it was counts as moved: a registry may answer with what
// it has remembered for a while.
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
