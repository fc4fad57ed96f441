package steps

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/runner"
)

// TestLog takes what the command of a test prints, which is shown as a step of
// the run. The tracker's lock guards it.
type TestLog struct {
	t    *Tracker
	step *step
	// data is the end of the output as it was printed, for judging it.
	data  []byte
	held  []byte // what may be the beginning of a secret
	ended bool
}

// Test begins a test of a target.
func (t *Tracker) Test(target string, test *config.Test) *TestLog {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	label, command := "test "+test.Name, t.opt.Mask.Text(strings.Join(strings.Fields(strings.Join(test.Run, " ")), " "))
	t.tests++
	s := &step{
		id: digest.Digest(fmt.Sprintf("test %d", t.tests)), test: true, announced: true,
		number: len(t.order) + 1, name: "[" + label + "] " + command, text: command, label: label,
		targets: []string{target}, start: now, begun: now,
	}
	if dir := t.opt.LogDir; dir != "" {
		s.logName = filepath.Join(dir, "test-"+slug(target)+"-"+slug(test.Name)+".log")
	}
	t.session.Send(runner.StepStarted{Step: t.send(s)})
	return &TestLog{t: t, step: s}
}

// Write takes a piece of the output. What comes from a command that was given
// up is left out.
func (l *TestLog) Write(data []byte) (int, error) {
	l.t.mu.Lock()
	defer l.t.mu.Unlock()
	if l.ended {
		return len(data), nil
	}
	l.data = append(l.data, data...)
	if extra := len(l.data) - maxLog; extra > 0 {
		l.data = l.data[extra:]
	}
	l.t.print(l.step, l.t.opt.Mask.Stream(&l.held, data))
	return len(data), nil
}

// Close is called once for each of the two streams that write here.
func (l *TestLog) Close() error { return nil }

// End ends the test, with what is wrong with it or nil.
func (l *TestLog) End(err error) {
	l.t.mu.Lock()
	defer l.t.mu.Unlock()
	l.ended = true
	l.t.print(l.step, l.held)
	s := l.step
	s.completed, s.end = true, time.Now()
	s.spent = s.end.Sub(s.begun)
	if err != nil {
		s.failed = l.t.opt.Mask.Text(err.Error())
	}
	s.closeLog()
	l.t.session.Send(runner.StepFinished{Step: l.t.send(s)})
}

// File is the file with all of the output, or "" if there is none.
func (l *TestLog) File() string {
	if len(l.step.log) == 0 {
		return ""
	}
	return l.step.logName
}

// Text is the end of the output as it was printed.
func (l *TestLog) Text() string {
	l.t.mu.Lock()
	defer l.t.mu.Unlock()
	return string(l.data)
}

// Lines is the end of the output for a report.
func (l *TestLog) Lines() []string {
	l.t.mu.Lock()
	defer l.t.mu.Unlock()
	return l.step.lastLines()
}
