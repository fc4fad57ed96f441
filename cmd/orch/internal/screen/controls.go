package screen

import (
	"os"

	"github.com/orch-build/orch/runner/progress"
)

// Controls are what keys do to a run: stop takes the targets that are to be stopped,
// and page shows the page of the run as far as it is and says where it is.
func Controls(stop chan<- string, page func() string) *progress.Controls {
	return &progress.Controls{
		Stop: func(target string) {
			select {
			case stop <- target:
			default: // the user is faster than the run, and can press the key again
			}
		},
		Page: func(note func(string)) { go func() { note(page()) }() },
		Quit: func() {
			if self, err := os.FindProcess(os.Getpid()); err == nil {
				_ = self.Signal(os.Interrupt)
			}
		},
	}
}
