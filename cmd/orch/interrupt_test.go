package main

import (
	"context"
	"errors"
	"testing"
)

// TestInterruptible holds that a command does not wait for work that goes on
// after an interrupt, and gets the result of work that ends.
func TestInterruptible(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	e := &env{ctx: ctx}
	done := false
	if err := e.interruptible(func() { done = true }); err != nil || !done {
		t.Errorf("work that ends: done %v, error %v", done, err)
	}
	forever := make(chan struct{})
	defer close(forever)
	started := make(chan struct{})
	go func() {
		<-started
		cancel()
	}()
	err := e.interruptible(func() {
		close(started)
		<-forever
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("work that goes on: error %v, want %v", err, context.Canceled)
	}
}
