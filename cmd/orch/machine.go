package main

import (
	"strconv"

	"golang.org/x/term"

	"github.com/orch-build/orch/internal/ci"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/runner/buildkit"
)

// flagged says whether a variable of the environment is set to a true value.
func (e *env) flagged(name string) bool {
	on, err := strconv.ParseBool(e.getenv(name))
	return err == nil && on
}

// newProgress starts the display that fits what standard error is.
func newProgress(e *env, mode, logs string, mask *buildkit.Mask) (*buildkit.Progress, error) {
	if mode == "none" { // bake's word for quiet
		mode = "quiet"
	}
	opt := buildkit.ProgressOptions{Mode: mode, Out: e.stderr, Terminal: e.terminal(), LogDir: logs, Mask: mask}
	switch ci.Of(e.getenv) {
	case ci.GitHub:
		opt.Groups = buildkit.GitHub
	case ci.GitLab:
		opt.Groups = buildkit.GitLab
	}
	return buildkit.NewProgress(opt)
}

// terminal describes standard error, if it is a terminal.
func (e *env) terminal() *buildkit.Terminal {
	f := termtext.File(e.stderr)
	if !termtext.IsTerminal(e.stderr) || e.getenv("TERM") == "dumb" {
		return nil
	}
	return &buildkit.Terminal{
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
