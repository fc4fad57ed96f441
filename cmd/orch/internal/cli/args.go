package cli

import (
	"slices"
	"strings"

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

// reading are the flags that say what a definition is and where it is built.
var reading = []string{
	"--file", "-f", "--set", "--var", "--var-file", "--env-file", "--allow", "--builder", "--cache-lane", "--lock",
	"--tlscacert", "--tlscert", "--tlskey", "--tlsservername", "--tlsdir",
}

// DebugCommand is the command line that opens a shell in a part of a target that another
// command line was to build.
func DebugCommand(args []string, part string) string {
	out, _ := split(args, append([]string{"--bundle"}, reading...), "--offline")
	return CommandLine(append([]string{"debug", part}, out...))
}

// Reading are the flags of args that say which definition a command reads, how, and with
// which builder and frontend, and after them its other arguments that may be
// positional. It is for commands that look up what another one lacks.
func Reading(args []string) (flags, rest []string) {
	return split(args, append([]string{"--frontend"}, reading...))
}

// split takes the flags with values out of args, joined or not, and those that are alone.
func split(args, valued []string, alone ...string) (flags, rest []string) {
	for i := 0; i < len(args) && args[i] != "--"; i++ {
		name, _, joined := strings.Cut(args[i], "=")
		switch {
		case slices.Contains(alone, args[i]), joined && slices.Contains(valued, name), strings.HasPrefix(name, "-f") && len(name) > 2:
			flags = append(flags, args[i])
		case slices.Contains(valued, name) && i+1 < len(args):
			flags = append(flags, args[i], args[i+1])
			i++
		default:
			rest = append(rest, args[i])
		}
	}
	return flags, rest
}

// FromInput says whether a command line reads its definition from standard input, so
// that it cannot simply be called again.
func FromInput(args []string) bool {
	flags, _ := split(args, []string{"--file", "-f"})
	return slices.ContainsFunc(flags, func(f string) bool { return f == "-" || f == "--file=-" || f == "-f=-" || f == "-f-" })
}

// CommandLine writes the call of orch with args as a shell reads it.
func CommandLine(args []string) string { return shellquote.Command("orch", args...) }
