package progress

import (
	"fmt"
	"strings"
	"time"

	"github.com/orch-build/orch/internal/termtext"
)

// tmux breaks the lines of a window that became narrower at once, and tells the program
// in it of the new size only a quarter of a second later; ssh takes as long as the
// network does. What is drawn in between goes over fewer rows than the lines before it
// have, and how many of them stay cannot be known. So the screen is begun anew when the
// size has settled: what it shows moves up, out of the window.

const (
	// settling is how long the size has to stay after the window became narrower.
	settling = 400 * time.Millisecond
	// maxPast is how many of the lines above the block are kept, to be shown again.
	maxPast = 200
)

// narrow follows the size of a terminal that tells of it late.
type narrow struct {
	width int
	since time.Time // when the window became narrower, unless that is dealt with
	past  []string  // the lines above the block
}

// anew says whether the screen is to be begun anew, for a picture of that width. The last
// picture does not wait.
func (n *narrow) anew(width int, last bool) bool {
	if width < n.width {
		n.since = time.Now()
	}
	n.width = width
	if n.since.IsZero() || !last && time.Since(n.since) < settling {
		return false
	}
	n.since = time.Time{}
	return true
}

// keep remembers lines above the block.
func (n *narrow) keep(lines []string) {
	n.past = append(n.past, lines...)
	n.past = n.past[max(0, len(n.past)-maxPast):]
}

// fresh empties the screen, and returns the last lines of before that have room on it.
func (n *narrow) fresh(w *strings.Builder, width, height, room int) []string {
	fmt.Fprintf(w, "\x1b[%d;1H%s\x1b[H\x1b[J", height, strings.Repeat("\n", height))
	first := len(n.past)
	for first > 0 {
		room -= rowsOf(termtext.Width(n.past[first-1]), width)
		if room < 0 {
			break
		}
		first--
	}
	return n.past[first:]
}

// rowsOf is how many rows a line takes.
func rowsOf(line, width int) int { return max(1, (line+width-1)/width) }
