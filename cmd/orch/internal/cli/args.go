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
	"--file", "-f", "--set", "--var", "--var-file", "--env-file", "--allow", "--builder", "--cache-lane", "--bundle", "--lock",
	"--tlscacert", "--tlscert", "--tlskey", "--tlsservername", "--tlsdir",
}

// DebugCommand is the command line that opens a shell in a part of a target that another
// command line was to build.
func DebugCommand(args []string, part string) string {
	out := []string{"debug", part}
	for i := 0; i < len(args) && args[i] != "--"; i++ {
		name, _, joined := strings.Cut(args[i], "=")
		switch {
		case args[i] == "--offline":
			out = append(out, args[i])
		case joined && slices.Contains(reading, name), strings.HasPrefix(name, "-f") && len(name) > 2:
			out = append(out, args[i])
		case slices.Contains(reading, name) && i+1 < len(args):
			out = append(out, args[i], args[i+1])
			i++
		}
	}
	return CommandLine(out)
}

// CommandLine writes the call of orch with args as a shell reads it.
func CommandLine(args []string) string { return shellquote.Command("orch", args...) }
