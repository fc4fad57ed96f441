package progress

import (
	"strings"

	"github.com/orch-build/orch/runner"
)

// maxTail bounds what is kept of the output of a step, and maxKept what is kept of
// steps that are over.
const (
	maxTail = 64 << 10
	maxKept = 8 << 20
)

// stepLog is a step with the end of its output.
type stepLog struct {
	*runner.Step
	lines []string
	open  bool // the end of the last line has not come
	size  int
}

// add adds a piece of output.
func (s *stepLog) add(data []byte) {
	for line := range strings.Lines(string(data)) {
		text, whole := strings.CutSuffix(line, "\n")
		if n := len(s.lines); s.open && n > 0 {
			s.lines[n-1] += text
		} else {
			s.lines = append(s.lines, text)
		}
		s.size += len(line)
		s.open = !whole
	}
	s.trim()
}

// trim drops the beginning of what is too much.
func (s *stepLog) trim() {
	for s.size > maxTail && len(s.lines) > 1 {
		s.size -= len(s.lines[0]) + 1
		s.lines = s.lines[1:]
	}
	if s.size > maxTail { // one line
		last := s.lines[0]
		s.lines[0] = strings.ToValidUTF8(last[max(0, len(last)-maxTail/2):], "")
		s.size = len(s.lines[0])
	}
}

// tail returns the last n lines of the output, without empty ones at its end.
func (s *stepLog) tail(n int) []string {
	all := s.lines
	for len(all) > 0 && all[len(all)-1] == "" {
		all = all[:len(all)-1]
	}
	return all[max(0, len(all)-n):]
}

// last is the last line that says something, or "".
func (s *stepLog) last() string {
	for i := len(s.lines) - 1; i >= 0; i-- {
		if text := strings.TrimSpace(s.lines[i]); text != "" {
			return s.lines[i]
		}
	}
	return ""
}
