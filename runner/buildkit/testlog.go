package buildkit

import (
	"path/filepath"
	"strings"
	"time"

	orch "github.com/orch-build/orch/config"
)

// testLog takes what the command of a test prints, and shows it as a step of
// the run. The progress's lock guards it.
type testLog struct {
	p    *Progress
	step *step
	// data is the end of the output as it was printed, for judging it.
	data  []byte
	held  []byte // what may be the beginning of a secret
	ended bool
}

// testLog shows that a test begins.
func (t *target) testLog(test *orch.Test) *testLog {
	p := t.run.opt.Progress
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	label, command := "test "+test.Name, p.opt.Mask.Text(strings.Join(strings.Fields(strings.Join(test.Run, " ")), " "))
	s := &step{
		number: len(p.order) + 1, name: "[" + label + "] " + command, text: command, label: label,
		targets: []string{t.plan.Name()}, started: now, begun: now, shown: true,
	}
	if dir := p.opt.LogDir; dir != "" {
		s.logName = filepath.Join(dir, "test-"+slug(t.plan.Name())+"-"+slug(test.Name)+".log")
	}
	p.display.started(s)
	return &testLog{p: p, step: s}
}

// Write takes a piece of the output. What comes from a command that was given
// up is left out.
func (l *testLog) Write(data []byte) (int, error) {
	l.p.mu.Lock()
	defer l.p.mu.Unlock()
	if l.ended {
		return len(data), nil
	}
	l.data = append(l.data, data...)
	if extra := len(l.data) - maxLog; extra > 0 {
		l.data = l.data[extra:]
	}
	l.show(l.p.opt.Mask.stream(&l.held, data))
	return len(data), nil
}

// Close is called once for each of the two streams that write here.
func (l *testLog) Close() error { return nil }

func (l *testLog) show(data []byte) {
	if len(data) > 0 {
		l.step.keep(l.p.opt.LogDir, data)
		l.p.display.output(l.step, data)
	}
}

// end shows what came of the test.
func (l *testLog) end(err error) {
	l.p.mu.Lock()
	defer l.p.mu.Unlock()
	l.ended = true
	l.show(l.held)
	s := l.step
	s.completed, s.finished = true, time.Now()
	s.spent = s.finished.Sub(s.begun)
	if err != nil {
		s.failed = l.p.opt.Mask.Text(err.Error())
	}
	s.closeLog()
	l.p.display.finished(s)
}

// file is the file with all of the output, or "" if there is none.
func (l *testLog) file() string {
	if len(l.step.log) == 0 {
		return ""
	}
	return l.step.logName
}

// text is the output for judging it.
func (l *testLog) text() string {
	l.p.mu.Lock()
	defer l.p.mu.Unlock()
	return string(l.data)
}
