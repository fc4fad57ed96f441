// Package interrupt ends a command that goes on after it was interrupted: one
// that waits for a file, a program or a peer without looking at its context.
//
// It knows what to say about such a command only from what the command has
// noted, and nothing of what the command does.
package interrupt

import (
	"context"
	"sync"
	"time"
)

// Watch follows one command. Its zero value is ready to use.
type Watch struct {
	mu   sync.Mutex
	text string
	held int
	free chan struct{} // closed when held gets back to 0; nil while it is 0
}

// Note keeps what is true if the command is interrupted from now on, such as
// "interrupted before anything was built".
func (w *Watch) Note(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text = text
}

// Text is what was noted last, or "interrupted".
func (w *Watch) Text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.text == "" {
		return "interrupted"
	}
	return w.text
}

// Hold lets the command take its time although it was interrupted, until
// release is called: it does something that ends by itself and must not be
// torn.
func (w *Watch) Hold() (release func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.held++; w.held == 1 {
		w.free = make(chan struct{})
	}
	return sync.OnceFunc(w.release)
}

func (w *Watch) release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.held--; w.held == 0 {
		close(w.free)
		w.free = nil
	}
}

func (w *Watch) holding() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.free
}

// Run does the work of the command. It returns false if it gave the work up,
// which goes on then: ctx had ended, nothing held the command, and it had not
// ended within the time of grace.
func (w *Watch) Run(ctx context.Context, grace time.Duration, work func()) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		work()
	}()
	select {
	case <-done:
		return true
	case <-ctx.Done():
	}
	for {
		select {
		case <-done:
			return true
		case <-time.After(grace):
		}
		free := w.holding()
		if free == nil {
			return false
		}
		select {
		case <-done:
			return true
		case <-free:
		}
	}
}
