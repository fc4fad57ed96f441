// Package screen has what is on the screen while a run goes on: the display that fits
// the terminal or the CI service, and the notes of --debug. What is displayed comes
// as events; what is printed when the run is over is of package report.
package screen

import (
	"golang.org/x/term"

	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/internal/ci"
	"github.com/orch-build/orch/internal/mask"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/runner/progress"
)

// Display starts the display that fits what standard error is, for a run of
// so many targets.
func Display(e *cli.Env, mode string, targets int, mask *mask.Mask) (*progress.Display, error) {
	if mode == "none" { // bake's word for quiet
		mode = "quiet"
	}
	opt := progress.Options{Mode: mode, Out: e.Stderr, Terminal: terminal(e), Several: targets > 1, Mask: mask.Text}
	switch ci.Of(e.Getenv) {
	case ci.GitHub:
		opt.Groups = progress.GitHub
	case ci.GitLab:
		opt.Groups = progress.GitLab
	}
	return progress.New(opt)
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
			if err != nil || w == 0 || h == 0 { // nobody has told the terminal its size
				return 80, 24
			}
			return w, h
		},
		Color: termtext.HasColor(e.Stderr),
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
