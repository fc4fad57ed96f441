package main

import (
	"bytes"
	"fmt"
	"github.com/orch-build/orch/internal/helptext"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/orch-build/orch/internal/golden"

	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/cmd/orch/internal/machine"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/cmd/orch/internal/whole"
)

const cliHead = "<!-- Made from the command itself: go test ./cmd/orch -run TestCommandPages -update -->"

// TestCommandPages holds docs/cli, a page for each command, to the commands.
func TestCommandPages(t *testing.T) {
	dir := filepath.Join(docsRoot, "docs/cli")
	index := "# Command reference\n\n" + cliHead + "\n\n| command | does |\n|---|---|\n"
	pages := map[string]string{}
	for _, cmd := range allCommands(newRootCommand(planning.New(machine.New(cli.OS(), whole.Parts{})), nil)) {
		name := pageName(cmd)
		pages[name] = commandPage(cmd)
		index += fmt.Sprintf("| [%s](%s) | %s |\n", cmd.CommandPath(), name, helptext.Inline(cmd.Short))
	}
	pages["README.md"] = index
	for name, text := range pages {
		for _, m := range typeOfFlag.FindAllString(text, -1) {
			t.Errorf("docs/cli/%s: %s: the usage of the flag does not name its value: put `NAME` into it", name, m)
		}
		golden.Check(t, *update, filepath.Join(dir, name), text)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if _, ok := pages[f.Name()]; ok {
			continue
		}
		if !*update {
			t.Errorf("docs/cli/%s is about no command", f.Name())
		} else if err := os.Remove(filepath.Join(dir, f.Name())); err != nil {
			t.Fatal(err)
		}
	}
}

// typeOfFlag matches a flag whose value has the name of a Go type.
var typeOfFlag = regexp.MustCompile("(?m)^\\| `[^`]* (?:string|strings|stringArray|int|float|duration)`")

// allCommands returns a command and those below it, without hidden ones.
func allCommands(cmd *cobra.Command) []*cobra.Command {
	cmds := []*cobra.Command{cmd}
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			cmds = append(cmds, allCommands(sub)...)
		}
	}
	return cmds
}

func pageName(cmd *cobra.Command) string {
	return strings.ReplaceAll(cmd.CommandPath(), " ", "-") + ".md"
}

// pageLink matches the name of another page in the text of a command.
var pageLink = regexp.MustCompile(`docs/([a-z-]+\.md)`)

func commandPage(cmd *cobra.Command) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s\n\n%s\n\n%s.\n", cmd.CommandPath(), cliHead, helptext.Inline(cmd.Short))
	block := func(language, text string) {
		fmt.Fprintf(&b, "\n```%s\n%s\n```\n", language, strings.Trim(text, "\n"))
	}
	if cmd.Long != "" {
		b.WriteString("\n" + pageLink.ReplaceAllString(helptext.Markdown(cmd.Long), "[$1](../$1)"))
	}
	if cmd.Runnable() {
		block("text", cmd.UseLine())
	}
	if cmd.HasExample() {
		block("", exampleScript(cmd.Example))
	}
	if subs := availableSubs(cmd); len(subs) > 0 {
		b.WriteString("\n| command | does |\n|---|---|\n")
		for _, sub := range subs {
			fmt.Fprintf(&b, "| [%s](%s) | %s |\n", sub.CommandPath(), pageName(sub), helptext.Inline(sub.Short))
		}
	}
	writeFlagTables(&b, cmd.NonInheritedFlags())
	return b.String()
}

func availableSubs(cmd *cobra.Command) []*cobra.Command {
	return slices.DeleteFunc(slices.Clone(cmd.Commands()), func(c *cobra.Command) bool { return !c.IsAvailableCommand() })
}

// remark matches what an example says behind a command line.
var remark = regexp.MustCompile(`^(\S.*?\S   *)([^ #'"-].*)$`)

// exampleScript makes a shell script of the examples of a command: without the two
// spaces before each line, and with a "#" before what is said behind it.
func exampleScript(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = remark.ReplaceAllString(strings.TrimPrefix(lines[i], "  "), "$1# $2")
	}
	return strings.Join(lines, "\n")
}

// writeFlagTables writes the flags in the groups that --help has.
func writeFlagTables(b *bytes.Buffer, flags *pflag.FlagSet) {
	rows := map[string]string{}
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		title := "Flags"
		if g := f.Annotations[helptext.FlagGroup]; len(g) > 0 {
			title = g[0]
		}
		rows[title] += flagRow(f)
	})
	for _, title := range append(slices.Clone(helptext.FlagGroups), "Flags") {
		if rows[title] != "" {
			fmt.Fprintf(b, "\n## %s\n\n| flag | does |\n|---|---|\n%s", title, rows[title])
		}
	}
}

func flagRow(f *pflag.Flag) string {
	value, usage := pflag.UnquoteUsage(f)
	name := "--" + f.Name
	if f.Shorthand != "" {
		name = "-" + f.Shorthand + ", " + name
	}
	if value != "" {
		name += " " + value
	}
	if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" && f.DefValue != "[]" {
		usage += " (default: " + f.DefValue + ")"
	}
	return fmt.Sprintf("| `%s` | %s |\n", name, helptext.Inline(usage))
}
