package main

import (
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/orch-build/orch/cmd/orch/internal/editing"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/cmd/orch/internal/version"
	"github.com/orch-build/orch/internal/helptext"
	"github.com/orch-build/orch/internal/language/server"
	"github.com/orch-build/orch/internal/termtext"
)

func newLSPCommand(e *planning.Session) *cobra.Command {
	var stdio bool
	cmd := &cobra.Command{
		Use:   "lsp",
		Short: "Help an editor with definitions and Dockerfiles",
		Long: `lsp is a language server: an editor starts it, and speaks the Language Server
Protocol with it on standard input and output. While you type it shows what
'orch validate --deep' would say, completes names and attributes, shows what
they stand for, finds and renames them in definitions and Dockerfiles, and
formats. docs/editors.md says how an editor is set up.`,
		Example: `  orch lsp`,
		Args:    helptext.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := server.Serve(cmd.Context(), e.Stdin, rawOutput{termtext.Raw(e.Stdout)}, editing.Options(e), version.Orch())
			if errors.Is(err, server.ErrNoShutdown) && cmd.Context().Err() != nil {
				return cmd.Context().Err()
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&stdio, "stdio", true, "speak on standard input and output, which some editors ask for")
	return cmd
}

// rawOutput is standard output for messages, which are not text for people.
type rawOutput struct{ io.Writer }

func (rawOutput) Close() error { return nil }
