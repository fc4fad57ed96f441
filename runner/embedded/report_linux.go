package embedded

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// reportFD is the descriptor on which a starting daemon reports to its parent.
const reportFD = 3

// The reports of a starting daemon, one a line; wait and failed carry a quoted
// text. The end without any of the last three means that the daemon died.
const (
	reportWait   = "wait"   // it waits, for what the text says
	reportReady  = "ready"  // it answers on the socket
	reportTaken  = "taken"  // another daemon does
	reportFailed = "failed" // it cannot start, for the reason in the text
)

// reporter is the daemon's end. The parent may be gone: errors of writing mean
// nothing.
type reporter struct{ w io.WriteCloser }

func (r reporter) say(kind, text string) {
	_, _ = fmt.Fprintf(r.w, "%s %s\n", kind, strconv.Quote(text))
}

func (r reporter) close() { _ = r.w.Close() }

// report is one line of a starting daemon.
type report struct{ kind, text string }

// readReports sends what a starting daemon says, until the end.
func readReports(r io.Reader, reports chan<- report) {
	defer close(reports)
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		kind, quoted, _ := strings.Cut(lines.Text(), " ")
		text, err := strconv.Unquote(quoted)
		if err != nil {
			text = quoted
		}
		reports <- report{kind, text}
	}
}
