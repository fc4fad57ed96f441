package helptext

import (
	"errors"
	"fmt"
	"github.com/orch-build/orch/internal/lazyregexp"
	"github.com/orch-build/orch/internal/usage"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/orch-build/orch/internal/suggest"
)

// CommandHint says which command may have been meant; "" if none is alike.
func CommandHint(cmd *cobra.Command, name string) string {
	if meant := intents[strings.ToLower(name)]; meant != "" && !cmd.HasParent() {
		return " Use " + meant + "."
	}
	cmd.SuggestionsMinimumDistance = 2
	if len(name) < 4 { // two other letters would make any word of it
		cmd.SuggestionsMinimumDistance = 1
	}
	if names := cmd.SuggestionsFor(name); len(names) > 0 {
		return fmt.Sprintf(" Did you mean %q?", names[0])
	}
	if cmd.HasParent() {
		return ""
	}
	if len(name) < 4 {
		return ""
	}
	if like := suggest.Near(strings.ToLower(name), slices.Sorted(maps.Keys(intents)), 1); len(like) > 0 {
		return " Use " + intents[like[0]] + "."
	}
	return ""
}

// The texts in which pflag says what is wrong with a flag.
var (
	unknownFlag  = lazyregexp.New(`^unknown flag: --(\S+)$`)
	unknownShort = lazyregexp.New(`^unknown shorthand flag: '(.)' in (-\S+)$`)
	wrongFlag    = lazyregexp.New(`(?s)^invalid argument (".*") for "(?:-\w, )?(--[^"]+)" flag: (.*)$`)
	wrongNumber  = lazyregexp.New(`strconv\.(?:ParseInt|ParseUint|Atoi|ParseFloat)`)
	wrongBoolean = lazyregexp.New(`strconv\.ParseBool`)
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

// flagHint says which flag may have been meant by one that there is not.
func flagHint(cmd *cobra.Command, name string) string {
	for _, use := range foreignFlags[name] {
		if fits(cmd, use) {
			return ". Use " + use + "."
		}
	}
	var known []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			known = append(known, f.Name)
		}
	})
	if like := suggest.Name(name, known); like != "" && len(name) > 1 {
		return fmt.Sprintf(". Did you mean --%s?", like)
	}
	return ""
}

// fits says whether a hint is of use to somebody who typed a command: it begins with a
// flag that the command has, or with another command.
func fits(cmd *cobra.Command, use string) bool {
	flag, found := strings.CutPrefix(use, "--")
	if !found {
		return !strings.HasPrefix(use, cmd.CommandPath()+" ")
	}
	flag, _, _ = strings.Cut(flag, " ")
	flag, _, _ = strings.Cut(flag, "=")
	return cmd.Flags().Lookup(strings.TrimRight(flag, ",")) != nil
}

func flagError(cmd *cobra.Command, err error) error {
	text := err.Error()
	if m := unknownShort.FindStringSubmatch(text); m != nil {
		text = "unknown flag: -" + m[1]
		if m[2] != "-"+m[1] {
			text += " in " + m[2]
		}
		text += flagHint(cmd, m[1])
	}
	if m := unknownFlag.FindStringSubmatch(text); m != nil {
		text += flagHint(cmd, m[1])
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
