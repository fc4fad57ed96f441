package main

import (
	"strconv"

	"golang.org/x/term"

	"github.com/orch-build/orch/internal/ci"
	"github.com/orch-build/orch/internal/mask"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/runner/progress"
)

// flagged says whether a variable of the environment is set to a true value.
func (e *env) flagged(name string) bool {
	on, err := strconv.ParseBool(e.getenv(name))
	return err == nil && on
}

// newDisplay starts the display that fits what standard error is, for a run of
// so many targets.
func newDisplay(e *env, mode string, targets int, mask *mask.Mask) (*progress.Display, error) {
	if mode == "none" { // bake's word for quiet
		mode = "quiet"
	}
	opt := progress.Options{Mode: mode, Out: e.stderr, Terminal: e.terminal(), Several: targets > 1, Mask: mask.Text}
	switch ci.Of(e.getenv) {
	case ci.GitHub:
		opt.Groups = progress.GitHub
	case ci.GitLab:
		opt.Groups = progress.GitLab
	}
	return progress.New(opt)
}

// terminal describes standard error, if it is a terminal.
func (e *env) terminal() *progress.Terminal {
	f := termtext.File(e.stderr)
	if !termtext.IsTerminal(e.stderr) || e.getenv("TERM") == "dumb" {
		return nil
	}
	return &progress.Terminal{
		Size: func() (int, int) {
			w, h, err := term.GetSize(int(f.Fd()))
			if err != nil {
				return 80, 24
			}
			return w, h
		},
		Color: termtext.HasColor(e.stderr),
	}
}

// width is how many columns the terminal has that messages go to; 0 if they do
// not go to one.
func (e *env) width() int {
	t := e.terminal()
	if t == nil {
		return 0
	}
	width, _ := t.Size()
	return width
}
