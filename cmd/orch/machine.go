package main

import (
	"bufio"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/term"

	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/runner/buildkit"
)

// cores is how many cores this process may use; Go minds what a container is
// limited to.
func cores() int { return runtime.GOMAXPROCS(0) }

// memory is the memory of this machine that could be used now, in bytes, as
// Linux has it in /proc/meminfo; 0 elsewhere.
func memory() int64 {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name, value, ok := strings.Cut(lines.Text(), ":")
		if !ok || name != "MemAvailable" {
			continue
		}
		kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err != nil {
			return 0
		}
		return kb << 10
	}
	return 0
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
