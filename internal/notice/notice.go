// Package notice shows lines to the user that may come at any time, from any
// goroutine. While a display is on the screen they are held back.
package notice

import (
	"fmt"
	"io"
	"sync"
)

// Board shows notices on Out.
type Board struct {
	Out io.Writer

	mu    sync.Mutex
	held  bool
	lines []string
}

// Warn shows the user what is wrong.
func (b *Board) Warn(text string) { b.Note("Warning: " + text) }

// Note shows the user what happens.
func (b *Board) Note(line string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.held {
		b.lines = append(b.lines, line)
		return
	}
	fmt.Fprintln(b.Out, line)
}

// Hold holds notices back until release is called.
func (b *Board) Hold() (release func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held = true
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, line := range b.lines {
			fmt.Fprintln(b.Out, line)
		}
		b.held, b.lines = false, nil
	}
}
