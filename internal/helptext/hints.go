package helptext

import (
	"errors"
	"fmt"
	"github.com/orch-build/orch/internal/usage"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/orch-build/orch/internal/suggest"
)

// intents are the commands that people of other tools look for, and what does
// the same here.
var intents = map[string]string{
	"build":   "orch bake",
	"run":     "orch bake",
	"make":    "orch bake",
	"push":    "orch bake --push",
	"load":    "orch bake --load",
	"test":    "orch bake, which runs the tests of the targets that it builds",
	"print":   "orch bake --print",
	"config":  "orch bake --print",
	"lint":    "orch validate --lint",
	"check":   "orch validate --deep",
	"graph":   "orch plan --format html -o plan.html",
	"explain": "orch plan",
	"ls":      "orch list targets",
	"targets": "orch list targets",
	"format":  "orch fmt",
	"convert": "orch init",
	"new":     "orch init",
	"clean":   "orch builder prune",
	"prune":   "orch builder prune",
	"gc":      "orch builder prune",
	"du":      "orch builder du",
	"log":     "orch logs",
	"history": "orch runs",
	"status":  "orch builder status",
	"stop":    "orch builder stop",
	"resume":  "orch bake --resume",
	"man":     "orch help",
	"docs":    "orch help",
}

// CommandHint says which command may have been meant; "" if none is alike.
func CommandHint(cmd *cobra.Command, name string) string {
	if meant := intents[strings.ToLower(name)]; meant != "" && !cmd.HasParent() {
		return " Use " + meant + "."
	}
	cmd.SuggestionsMinimumDistance = 2
	if names := cmd.SuggestionsFor(name); len(names) > 0 {
		return fmt.Sprintf(" Did you mean %q?", names[0])
	}
	if cmd.HasParent() {
		return ""
	}
	if like := suggest.Name(strings.ToLower(name), slices.Sorted(maps.Keys(intents))); like != "" {
		return " Use " + intents[like] + "."
	}
	return ""
}

// The texts in which pflag says what is wrong with a flag.
var (
	unknownFlag  = regexp.MustCompile(`^unknown flag: --(\S+)$`)
	wrongFlag    = regexp.MustCompile(`(?s)^invalid argument (".*") for "(?:-\w, )?(--[^"]+)" flag: (.*)$`)
	wrongNumber  = regexp.MustCompile(`strconv\.(?:ParseInt|ParseUint|Atoi|ParseFloat)`)
	wrongBoolean = regexp.MustCompile(`strconv\.ParseBool`)
)

// FlagErrors returns what says what is wrong with a flag, in words that do not come
// from inside the program. A command that there is not comes first: its flags are
// those of no other. line is the command line.
func FlagErrors(line []string) func(*cobra.Command, error) error {
	return func(cmd *cobra.Command, err error) error {
		words := cmd.Flags().Args()
		if len(words) == 0 {
			words = misspelt(cmd, line, err)
		}
		if len(words) > 0 && cmd.HasSubCommands() {
			return NoArgs(cmd, words)
		}
		return flagError(cmd, err)
	}
}

// misspelt finds a word behind an unknown flag that is like a command. The word
// just behind the flag may be its value, so that it comes last.
func misspelt(cmd *cobra.Command, line []string, err error) []string {
	m := unknownFlag.FindStringSubmatch(err.Error())
	if m == nil || !cmd.HasSubCommands() {
		return nil
	}
	at := slices.IndexFunc(line, func(word string) bool {
		name, _, _ := strings.Cut(word, "=")
		return name == "--"+m[1]
	})
	if at < 0 {
		return nil
	}
	words := slices.Clone(line[at+1:])
	if !strings.Contains(line[at], "=") && len(words) > 1 {
		words = append(words[1:], words[0])
	}
	for _, word := range words {
		known := slices.ContainsFunc(cmd.Commands(), func(c *cobra.Command) bool { return c.Name() == word })
		if !known && !strings.HasPrefix(word, "-") && CommandHint(cmd, word) != "" {
			return []string{word}
		}
	}
	return nil
}

func flagError(cmd *cobra.Command, err error) error {
	text := err.Error()
	if m := unknownFlag.FindStringSubmatch(text); m != nil {
		var known []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden {
				known = append(known, f.Name)
			}
		})
		if like := suggest.Name(m[1], known); like != "" {
			text += fmt.Sprintf(". Did you mean --%s?", like)
		}
	}
	if m := wrongFlag.FindStringSubmatch(text); m != nil {
		switch reason := m[3]; {
		case wrongNumber.MatchString(reason):
			text = fmt.Sprintf("%s %s is not a whole number", m[2], m[1])
			if strings.HasSuffix(reason, "value out of range") {
				text = fmt.Sprintf("%s %s is too large", m[2], m[1])
			}
		case wrongBoolean.MatchString(reason):
			text = fmt.Sprintf("%s %s is neither true nor false", m[2], m[1])
		case strings.HasPrefix(reason, "time: "):
			text = fmt.Sprintf("%s %s is not a duration: write it as in 30s or 5m", m[2], m[1])
		default:
			text = fmt.Sprintf("%s %s: %s", m[2], m[1], reason)
		}
	}
	return usage.Errorf("%w\nSee '%s --help'", errors.New(text), cmd.CommandPath())
}

// NoArgs refuses arguments; among the commands of a group, what was typed is
// most likely a misspelt one.
func NoArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if !cmd.HasSubCommands() {
		return usage.Errorf("%s takes no arguments, got %q\nSee '%s --help'.", cmd.CommandPath(), args[0], cmd.CommandPath())
	}
	return usage.Errorf("%s has no command %q.%s\nSee '%s --help'.", cmd.CommandPath(), args[0], CommandHint(cmd, args[0]), cmd.CommandPath())
}
