// Package screen shows a run on standard error as what that is, a terminal, a log of a
// CI service or a file, and reads keys where somebody sits at the terminal. It also
// has the notes of --debug. What is displayed comes as events; what is printed when the run
// is over is of package report.
package screen

import (
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/term"

	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/internal/ci"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/runner/keys"
	"github.com/orch-build/orch/runner/progress"
)

// Options say how a run is shown.
type Options struct {
	// Mode is a value of --progress.
	Mode string
	// Targets is how many targets the run has.
	Targets int
	// Mask makes secrets unreadable in a text; nil leaves it as it is.
	Mask func(string) string
	// Left is how long the run may still take, or 0; nil never knows.
	Left func() time.Duration
	// Controls are what keys do; nil reads none.
	Controls *progress.Controls
}

// Screen is a display, with the keys that steer it where there are any.
type Screen struct {
	*progress.Display
	keys atomic.Pointer[keys.Keyboard]
}

// New starts the display that fits what standard error is.
func New(e *cli.Env, opt Options) (*Screen, error) {
	if opt.Mode == "none" { // bake's word for quiet
		opt.Mode = "quiet"
	}
	s := &Screen{}
	how := progress.Options{
		Mode: opt.Mode, Out: e.Stderr, Terminal: terminal(e), Several: opt.Targets > 1, Mask: opt.Mask, Left: opt.Left,
		Restore: s.GiveBack,
	}
	switch ci.Of(e.Getenv) {
	case ci.GitHub:
		how.Groups = progress.GitHub
	case ci.GitLab:
		how.Groups = progress.GitLab
	}
	keyed := opt.Controls != nil && how.Terminal != nil && (opt.Mode == "auto" || opt.Mode == "tty") && Attended(e)
	if keyed {
		how.Controls = opt.Controls
	}
	display, err := progress.New(how)
	if err != nil {
		return nil, err
	}
	s.Display = display
	if keyed {
		if k, err := keys.Open(e.Stdin.(*os.File), display.Key, display.Rest, display.Redraw); err == nil {
			s.keys.Store(k)
		}
	}
	return s, nil
}

// Attended says whether somebody sits at the keyboard: standard input is a terminal,
// and no CI service runs the command.
func Attended(e *cli.Env) bool {
	in, ok := e.Stdin.(*os.File)
	return ok && keys.Supported && e.Getenv("CI") == "" && term.IsTerminal(int(in.Fd()))
}

// GiveBack gives the keyboard back, so that it is as it was before. It may be called
// more than once.
func (s *Screen) GiveBack() { s.keys.Load().Close() }

// Close gives the keyboard back, and shows what is left to show.
func (s *Screen) Close() {
	s.GiveBack()
	s.Display.Close()
}

// terminal describes standard error, if it is a terminal.
func terminal(e *cli.Env) *progress.Terminal {
	f := termtext.File(e.Stderr)
	if !termtext.IsTerminal(e.Stderr) || e.Getenv("TERM") == "dumb" {
		return nil
	}
	return &progress.Terminal{
		Size: func() (int, int) {
			w, h, err := term.GetSize(int(f.Fd()))
			if err != nil || w == 0 || h == 0 { // the terminal has no size yet
				return 80, 24
			}
			return w, h
		},
		Color: termtext.HasColor(e.Stderr),
		Late:  e.Getenv("TMUX") != "" || e.Getenv("STY") != "" || e.Getenv("SSH_CONNECTION") != "",
	}
}

// Width is how many columns the terminal has that messages go to; 0 if they do
// not go to one.
func Width(e *cli.Env) int {
	t := terminal(e)
	if t == nil {
		return 0
	}
	width, _ := t.Size()
	return width
}
