package state

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

const (
	// ReportFD is the descriptor on which a starting daemon reports to its
	// parent.
	ReportFD = 3
	// MappedFD is the one on which a parent says that it has written the
	// mapping of the daemon's user namespace.
	MappedFD = 4
)

// The reports of a starting daemon, one a line; wait, warn and failed carry
// a quoted text. The end without any of the last three means that the daemon died.
const (
	ReportWait   = "wait"   // it waits, for what the text says
	ReportWarn   = "warn"   // something is not as the user will expect
	ReportReady  = "ready"  // it answers on the socket
	ReportTaken  = "taken"  // another daemon does
	ReportFailed = "failed" // it cannot start, for the reason in the text
)

// Reporter is the daemon's end. The parent may be gone: errors of writing mean
// nothing.
type Reporter struct{ W io.WriteCloser }

// Say reports kind, with a text if it carries one.
func (r Reporter) Say(kind, text string) {
	_, _ = fmt.Fprintf(r.W, "%s %s\n", kind, strconv.Quote(text))
}

// Close ends the reports.
func (r Reporter) Close() { _ = r.W.Close() }

// Report is one line of a starting daemon.
type Report struct{ Kind, Text string }

// ReadReports sends what a starting daemon says, until the end.
func ReadReports(r io.Reader, reports chan<- Report) {
	defer close(reports)
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		kind, quoted, _ := strings.Cut(lines.Text(), " ")
		text, err := strconv.Unquote(quoted)
		if err != nil {
			text = quoted
		}
		reports <- Report{kind, text}
	}
}
