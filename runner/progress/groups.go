package progress

import (
	"fmt"
	"io"
	"time"
)

// Groups is the form in which a log viewer is told that lines belong together.
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

// groupMarks writes what marks the groups of a log.
type groupMarks struct {
	form Groups
	w    io.Writer // for the marks, which a CI service acts on
}

// begin writes the header of a step's group, which is a line of the log.
func (m groupMarks) begin(text io.Writer, g *group) {
	switch m.form {
	case GitHub:
		_, _ = io.WriteString(m.w, "::group::"+g.header+"\n")
	case GitLab:
		_, _ = fmt.Fprintf(m.w, "\x1b[0Ksection_start:%d:orch_%d[collapsed=true]\r\x1b[0K%s\n", time.Now().Unix(), g.number, g.header)
	default:
		_, _ = io.WriteString(text, g.header+"\n")
	}
}

// end marks the end of a step's group.
func (m groupMarks) end(g *group) {
	switch m.form {
	case GitHub:
		_, _ = io.WriteString(m.w, "::endgroup::\n")
	case GitLab:
		_, _ = fmt.Fprintf(m.w, "\x1b[0Ksection_end:%d:orch_%d\r\x1b[0K\n", time.Now().Unix(), g.number)
	}
}
