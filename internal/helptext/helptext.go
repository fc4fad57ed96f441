// Package helptext writes the help of commands, with their flags in groups and as
// wide as the terminal, and says what is wrong with a command line in words that
// do not come from inside the program. It knows no command but by name.
package helptext

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/orch-build/orch/internal/termtext"
)

// FlagGroup is the annotation of a flag that names its group in help texts.
const FlagGroup = "group"

// FlagGroups are the groups in the order in which help shows them. Flags of no
// group come last.
var FlagGroups = []string{
	"Choosing and changing targets", "Building", "Cache and frontend", "Results", "Asking instead of building", "Builder",
}

// Grouped adds to flags what register registers, as one group.
func Grouped(flags *pflag.FlagSet, title string, register func(*pflag.FlagSet)) {
	set := pflag.NewFlagSet(title, pflag.ContinueOnError)
	register(set)
	set.VisitAll(func(f *pflag.Flag) {
		if f.Annotations == nil {
			f.Annotations = map[string][]string{}
		}
		f.Annotations[FlagGroup] = []string{title}
	})
	flags.AddFlagSet(set)
}

// UsageFunc prints how a command is used: as cobra does by itself, but with the
// flags in their groups, and as wide as the terminal.
func UsageFunc(stdout io.Writer) func(*cobra.Command) error {
	return func(cmd *cobra.Command) error {
		w, width := cmd.OutOrStderr(), helpWidth(stdout)
		fmt.Fprint(w, "Usage:\n")
		if cmd.Runnable() {
			fmt.Fprintf(w, "  %s\n", cmd.UseLine())
		}
		if cmd.HasAvailableSubCommands() {
			fmt.Fprintf(w, "  %s [command]\n", cmd.CommandPath())
		}
		if cmd.HasExample() {
			fmt.Fprintf(w, "\nExamples:\n%s\n", cmd.Example)
		}
		printCommands(w, stdout, cmd)
		printFlags(w, cmd.LocalFlags(), width)
		if cmd.HasAvailableInheritedFlags() {
			fmt.Fprintf(w, "\nGlobal flags:\n%s", cmd.InheritedFlags().FlagUsagesWrapped(width))
		}
		if cmd.HasAvailableSubCommands() {
			fmt.Fprintf(w, "\n%s\n", termtext.Fold(stdout, "'"+cmd.CommandPath()+" [command] --help' says more about a command."))
		}
		return nil
	}
}

func printCommands(w, stdout io.Writer, cmd *cobra.Command) {
	list := func(title, group string) {
		for _, sub := range cmd.Commands() {
			if sub.GroupID != group || !sub.IsAvailableCommand() && sub.Name() != "help" {
				continue
			}
			if title != "" {
				fmt.Fprintf(w, "\n%s:\n", title)
				title = ""
			}
			name := fmt.Sprintf("  %-*s ", sub.NamePadding(), sub.Name())
			fmt.Fprintln(w, termtext.FoldBeside(stdout, name, strings.Repeat(" ", len(name)), sub.Short))
		}
	}
	for _, g := range cmd.Groups() {
		list(g.Title, g.ID)
	}
	if len(cmd.Groups()) == 0 {
		list("Commands", "")
	} else {
		list("Others", "")
	}
}

func printFlags(w io.Writer, flags *pflag.FlagSet, width int) {
	groups := map[string]*pflag.FlagSet{}
	flags.VisitAll(func(f *pflag.Flag) {
		title := "Flags"
		if g := f.Annotations[FlagGroup]; len(g) > 0 {
			title = g[0]
		}
		if groups[title] == nil {
			groups[title] = pflag.NewFlagSet(title, pflag.ContinueOnError)
		}
		groups[title].AddFlag(f)
	})
	for _, title := range append(FlagGroups[:len(FlagGroups):len(FlagGroups)], "Flags") {
		if set := groups[title]; set != nil && set.HasAvailableFlags() {
			if title == "Flags" && len(groups) > 1 {
				title = "Other flags"
			}
			fmt.Fprintf(w, "\n%s:\n%s\n", title, strings.TrimRight(set.FlagUsagesWrapped(width), "\n"))
		}
	}
}

// narrowest is the least that pflag breaks the texts of flags for.
const narrowest = 40

// helpWidth is how many columns help texts have: those of the terminal, within
// what reads well.
func helpWidth(w io.Writer) int {
	if termtext.IsTerminal(w) {
		if width, _, err := term.GetSize(int(termtext.File(w).Fd())); err == nil {
			return max(narrowest, min(width-1, 120))
		}
	}
	return 100
}
