package cli

import (
	"slices"

	"github.com/orch-build/orch/internal/shellquote"
)

// ResumeCommand is the command line that builds what is left, once.
func ResumeCommand(args []string) string {
	once := slices.DeleteFunc(WithoutResume(args), func(a string) bool { return a == "--watch" || a == "-w" })
	return CommandLine(append(once, "--resume"))
}

// WithoutResume is a command line as it was before a run was resumed.
func WithoutResume(args []string) []string {
	return slices.DeleteFunc(slices.Clone(args), func(a string) bool { return a == "--resume" })
}

// CommandLine writes the call of orch with args as a shell reads it.
func CommandLine(args []string) string { return shellquote.Command("orch", args...) }
