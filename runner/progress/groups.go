package progress

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Groups is how lines that belong together are marked for a log viewer.
type Groups int

const (
	// NoGroups marks nothing.
	NoGroups Groups = iota
	// GitHub is the form of GitHub Actions:
	// https://docs.github.com/actions/reference/workflow-commands-for-github-actions
	GitHub
	// GitLab is the form of GitLab CI:
	// https://docs.gitlab.com/ci/jobs/job_logs/#custom-collapsible-sections
	GitLab
)

// maxHeld is how long the output of a step that still runs is held back, so that
// the title of its group says how it ended. After it the output is shown as it
// comes.
const maxHeld = 10 * time.Second

// groupMarks writes what marks the groups of a log.
type groupMarks struct {
	form Groups
	w    io.Writer   // for the marks, which a CI service acts on
	held *time.Timer // for the first step that runs, while it is held back
}

// begin writes the title of a step's group, which is a line of the log.
func (m *groupMarks) begin(g *group, title string) {
	switch m.form {
	case GitHub:
		_, _ = io.WriteString(m.w, "::group::"+title+"\n")
	case GitLab:
		_, _ = fmt.Fprintf(m.w, "\x1b[0Ksection_start:%d:orch_%d[collapsed=true]\r\x1b[0K%s\n", time.Now().Unix(), g.number, title)
	}
}

// end marks the end of a step's group.
func (m *groupMarks) end(g *group) {
	switch m.form {
	case GitHub:
		_, _ = io.WriteString(m.w, "::endgroup::\n")
	case GitLab:
		_, _ = fmt.Fprintf(m.w, "\x1b[0Ksection_end:%d:orch_%d\r\x1b[0K\n", time.Now().Unix(), g.number)
	}
}

// hold says whether a step that runs is held back.
func (m *groupMarks) hold(g *group) bool {
	now := time.Now()
	if g.since.IsZero() {
		g.since = now
		m.held = time.NewTimer(maxHeld)
	}
	if now.Before(g.since.Add(maxHeld)) {
		return true
	}
	m.held = nil
	return false
}

// write writes a step as a group, or as one line if there is no more to say: with
// its end in the title if it is over by then, and else below the group, where it
// is seen while the group is folded.
func (m *groupMarks) write(text io.Writer, g *group) {
	if !g.done {
		if !g.open && m.hold(g) {
			return
		}
		if !g.open {
			m.begin(g, g.header)
			g.open = true
		}
		_, _ = text.Write(g.lines())
		return
	}
	if !g.open {
		m.held = nil
	}
	end := ending(g.step.Step)
	word, more, _ := strings.Cut(end, "\n")
	switch body := g.lines(); {
	case g.open:
		_, _ = text.Write(body)
		m.end(g)
		_, _ = fmt.Fprintf(text, "#%d %s\n", g.number, end)
	case len(body) == 0 && more == "":
		_, _ = fmt.Fprintf(text, "%s %s\n", g.header, end)
	case g.step.Error != "" && !g.step.Canceled():
		m.begin(g, g.header+" ERROR")
		_, _ = fmt.Fprintf(text, "%s#%d %s\n", body, g.number, end)
		m.end(g)
	default:
		m.begin(g, g.header+" "+word)
		_, _ = text.Write(body)
		m.end(g)
	}
}
