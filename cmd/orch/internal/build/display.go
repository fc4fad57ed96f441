package build

import (
	"golang.org/x/term"

	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/internal/ci"
	"github.com/orch-build/orch/internal/mask"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/runner/progress"
)

// newDisplay starts the display that fits what standard error is, for a run of
// so many targets.
func newDisplay(e *planning.Session, mode string, targets int, mask *mask.Mask) (*progress.Display, error) {
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
func terminal(e *planning.Session) *progress.Terminal {
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

// width is how many columns the terminal has that messages go to; 0 if they do
// not go to one.
func width(e *planning.Session) int {
	t := terminal(e)
	if t == nil {
		return 0
	}
	width, _ := t.Size()
	return width
}
