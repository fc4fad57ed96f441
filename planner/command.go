package planner

import (
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/orch-build/orch/internal/fault"
)

// longestArgument is how many bytes an argument of a program may have on Linux: 32 pages,
// and the zero at its end. Pages have 4 KiB on x86, and up to 64 KiB elsewhere.
func longestArgument(platform string) int {
	system, processor, _ := strings.Cut(platform, "/")
	switch {
	case system != "linux":
		return 0 // not known
	case processor == "amd64" || processor == "386":
		return 32*4<<10 - 1
	}
	return 32*64<<10 - 1
}

// command refuses a RUN that the kernel does not take. The builder's answer has all of the
// command in it, so that the connection can break, and with it all other targets.
func (f *filling) command(c *instructions.RunCommand, at fault.Range) {
	most := longestArgument(f.n.Platform)
	if most == 0 {
		return
	}
	length := 0
	switch {
	case len(c.Files) == 0 && c.PrependShell:
		length = len(strings.Join(c.CmdLine, " "))
	case len(c.Files) == 0:
		for _, arg := range c.CmdLine {
			length = max(length, len(arg))
		}
	case len(c.Files) == 1 && strings.HasPrefix(c.Files[0].Data, "#!"):
		// The builder makes a file of it.
	default:
		for _, file := range c.Files {
			length += len(file.Data)
		}
	}
	if length > most {
		f.ok = false
		f.faults.Fail(at, "Command too long", "The command of this RUN has %d bytes, and Linux takes %d for one argument of a program. "+
			"Write it into a file of the context, or into a heredoc that begins with \"#!/bin/sh\".", length, most)
	}
}
