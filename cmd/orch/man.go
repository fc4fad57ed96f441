package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/cmd/orch/internal/version"
	"github.com/orch-build/orch/internal/helptext"
	"github.com/orch-build/orch/internal/output"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/internal/usage"
)

func newManCommand(e *planning.Session) *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "man [COMMAND...]",
		Short: "Print the manual page of a command, or write all of them",
		Long: `man prints the manual page of a command, as in
'orch man bake | man -l -'. With --output, it writes the pages of all commands into
a folder.`,
		Example: `  orch man bake
  orch man --output ~/.local/share/man/man1`,
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			return commandNames(cmd.Root(), args), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if dir != "" {
				if len(args) > 0 {
					return usage.Errorf("--output writes the pages of all commands: leave out %s", strings.Join(args, " "))
				}
				return writePages(cmd.Root(), dir)
			}
			about, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return usage.Errorf("there is no command %q", strings.Join(args, " "))
			}
			page, err := manPage(about)
			if err != nil {
				return err
			}
			_, err = termtext.Raw(e.Stdout).Write(page)
			return err
		},
	}
	cmd.Flags().StringVarP(&dir, "output", "o", "", "write the pages of all commands into the folder `DIR`")
	return cmd
}

// writePages writes a page for each command that help shows.
func writePages(root *cobra.Command, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return eachCommand(root, func(cmd *cobra.Command) error {
		page, err := manPage(cmd)
		if err != nil {
			return err
		}
		name := strings.ReplaceAll(cmd.CommandPath(), " ", "-") + ".1"
		return output.WriteFile(filepath.Join(dir, name), page, 0o644)
	})
}

func eachCommand(cmd *cobra.Command, do func(*cobra.Command) error) error {
	if err := do(cmd); err != nil {
		return err
	}
	for _, sub := range cmd.Commands() {
		if !sub.IsAvailableCommand() {
			continue
		}
		if err := eachCommand(sub, do); err != nil {
			return err
		}
	}
	return nil
}

// manPage is the page of a command. Its date is the date of the sources, so that the
// same sources give the same pages.
func manPage(cmd *cobra.Command) ([]byte, error) {
	day, err := time.Parse(time.DateOnly, version.Date)
	if err != nil {
		return nil, err
	}
	cmd.DisableAutoGenTag = true
	defer func(long string) { cmd.Long = long }(cmd.Long)
	cmd.Long = helptext.Markdown(cmd.Long)
	var page bytes.Buffer
	err = doc.GenMan(cmd, &doc.GenManHeader{Section: "1", Date: &day, Source: "orch " + version.Orch(), Manual: "orch"}, &page)
	return page.Bytes(), err
}

// commandNames are the commands below the one that args name.
func commandNames(root *cobra.Command, args []string) []string {
	about, rest, err := root.Find(args)
	if err != nil || len(rest) > 0 {
		return nil
	}
	var names []string
	for _, sub := range about.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	return names
}
