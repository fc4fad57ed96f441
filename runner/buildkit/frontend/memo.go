package frontend

import (
	"context"
	"sync"
)

// Memo asks each question once, however many targets have it.
type Memo struct {
	// AnswersOnly is true if a question that failed is to be asked again.
	AnswersOnly bool

	mu      sync.Mutex
	answers map[string]*memoAnswer
}

type memoAnswer struct {
	done  chan struct{}
	value any
	err   error
	// missed is true if whoever asked did not wait for the answer.
	missed bool
}

// Do returns the answer to a question, which ask finds if nobody has done so.
func (m *Memo) Do(ctx context.Context, key string, ask func() (any, error)) (any, error) {
	for {
		a, first := m.entry(key)
		if first {
			a.value, a.err = ask()
			m.settle(ctx, key, a)
			return a.value, a.err
		}
		select {
		case <-a.done:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		if !a.missed {
			return a.value, a.err
		}
	}
}

// entry is the answer to a question, and whether the caller has to find it.
func (m *Memo) entry(key string) (a *memoAnswer, first bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if a, ok := m.answers[key]; ok {
		return a, false
	}
	if m.answers == nil {
		m.answers = map[string]*memoAnswer{}
	}
	a = &memoAnswer{done: make(chan struct{})}
	m.answers[key] = a
	return a, true
}

// settle hands an answer to those who wait for it. One that is missing only
// because the caller gave up is forgotten before.
func (m *Memo) settle(ctx context.Context, key string, a *memoAnswer) {
	a.missed = a.err != nil && ctx.Err() != nil
	if a.missed || a.err != nil && m.AnswersOnly {
		m.mu.Lock()
		delete(m.answers, key)
		m.mu.Unlock()
	}
	close(a.done)
}
