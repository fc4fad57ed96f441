package buildkit

import (
	"sync"

	orch "github.com/orch-build/orch/config"
)

// testLog takes what the command of a test prints.
type testLog struct {
	mu sync.Mutex
	// data is the end of it, as it was printed, for judging it.
	data []byte
	// shown is what is kept of it: without secrets, all of it in a file.
	shown step
	mask  *Mask
	held  []byte
	dir   string
}

func (t *target) testLog(test *orch.Test) *testLog {
	l := &testLog{mask: t.run.opt.Mask, dir: t.run.opt.Progress.opt.LogDir}
	l.shown.label, l.shown.text = t.plan.Name(), "test "+test.Name
	return l
}

func (l *testLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.data = append(l.data, p...)
	if extra := len(l.data) - maxLog; extra > 0 {
		l.data = l.data[extra:]
	}
	l.shown.keep(l.dir, l.mask.stream(&l.held, p))
	return len(p), nil
}

// Close is called once for each of the two streams that write here.
func (l *testLog) Close() error { return nil }

// end keeps what was held back as it might have become a secret. What comes
// later, from a command that was given up, goes to no file.
func (l *testLog) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.shown.keep(l.dir, l.held)
	l.held = nil
	l.shown.closeLog()
	l.dir = ""
}

// tail returns the last n lines, without secrets.
func (l *testLog) tail(n int) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.shown.tail(n)
}

func (l *testLog) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.data)
}
