package interrupt

import (
	"context"
	"errors"
	"testing"
)

// TestUntil holds that nobody waits for work that goes on
// after an interrupt, and gets the result of work that ends.
func TestUntil(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	done := false
	if err := Until(ctx, func() { done = true }); err != nil || !done {
		t.Errorf("work that ends: done %v, error %v", done, err)
	}
	forever := make(chan struct{})
	defer close(forever)
	started := make(chan struct{})
	go func() {
		<-started
		cancel()
	}()
	err := Until(ctx, func() {
		close(started)
		<-forever
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("work that goes on: error %v, want %v", err, context.Canceled)
	}
}
