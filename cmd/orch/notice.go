package main

import (
	"fmt"
	"sync"
)

// notices are lines for the user that may come at any time, from any
// goroutine. While a display is on the screen they are held back.
type notices struct {
	mu    sync.Mutex
	held  bool
	lines []string
}

// warn tells the user what is wrong, and note what happens.
func (e *env) warn(text string) { e.tell("Warning: " + text) }
func (e *env) note(text string) { e.tell(text) }

func (e *env) tell(line string) {
	e.notices.mu.Lock()
	defer e.notices.mu.Unlock()
	if e.notices.held {
		e.notices.lines = append(e.notices.lines, line)
		return
	}
	fmt.Fprintln(e.stderr, line)
}

// holdNotices holds notices back until the returned function is called.
func (e *env) holdNotices() (release func()) {
	e.notices.mu.Lock()
	defer e.notices.mu.Unlock()
	e.notices.held = true
	return func() {
		e.notices.mu.Lock()
		defer e.notices.mu.Unlock()
		for _, line := range e.notices.lines {
			fmt.Fprintln(e.stderr, line)
		}
		e.notices.held, e.notices.lines = false, nil
	}
}
