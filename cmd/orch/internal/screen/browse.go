package screen

import (
	"os/exec"
	"runtime"

	"github.com/orch-build/orch/cmd/orch/internal/cli"
)

// Browse shows a file in the user's browser, if there is one on this screen, and says
// where the file is.
func Browse(e *cli.Env, file string) string {
	name := opener(e, runtime.GOOS)
	if name == "" {
		return "The page is " + file
	}
	cmd := exec.Command(name, file)
	if err := cmd.Start(); err != nil {
		return "The page is " + file
	}
	go func() { _ = cmd.Wait() }()
	return "Opened " + file
}

// opener is the program that opens files; "" where nobody would see what it opens,
// such as at the other end of ssh.
func opener(e *cli.Env, system string) string {
	if browser := e.Getenv("BROWSER"); browser != "" {
		return browser
	}
	switch {
	case e.Getenv("SSH_CONNECTION") != "":
		return ""
	case system == "darwin":
		return "open"
	case e.Getenv("DISPLAY") != "" || e.Getenv("WAYLAND_DISPLAY") != "":
		return "xdg-open"
	}
	return ""
}
