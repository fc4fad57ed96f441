package cli

import (
	"slices"

	"github.com/orch-build/orch/internal/shellquote"
)

// ResumeCommand is the command line that builds what is left.
func ResumeCommand(args []string) string {
	return CommandLine(append(WithoutResume(args), "--resume"))
}

// WithoutResume is a command line as it was before a run was resumed.
func WithoutResume(args []string) []string {
	return slices.DeleteFunc(slices.Clone(args), func(a string) bool { return a == "--resume" })
}

// CommandLine writes the call of orch with args as a shell reads it.
func CommandLine(args []string) string { return shellquote.Command("orch", args...) }
