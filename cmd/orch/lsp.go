package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/orch-build/orch/cmd/orch/internal/machine"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/cmd/orch/internal/version"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/ci"
	"github.com/orch-build/orch/internal/gitfact"
	"github.com/orch-build/orch/internal/helptext"
	"github.com/orch-build/orch/internal/language"
	"github.com/orch-build/orch/internal/language/project"
	"github.com/orch-build/orch/internal/language/server"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/load"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/inputs"
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
			ctx, cancel := context.WithCancel(cmd.Context())
			defer cancel()
			err := server.Serve(ctx, e.Stdin, rawOutput{termtext.Raw(e.Stdout)}, languageOptions(e), version.Orch())
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

// languageOptions say what a language server works with on this machine.
func languageOptions(e *planning.Session) language.Options {
	return language.Options{
		Machine: project.Machine{
			Options:       func(dir string) config.Options { return editorOptions(e, dir) },
			BuildPlatform: machine.LocalPlatform(),
			Names:         [][]string{load.BuildFiles, load.BakeFiles},
		},
		Digests: func(ctx context.Context, plan *planner.Plan) (map[string]string, error) {
			in, _, err := e.Inputs(ctx, plan, inputs.Options{Now: time.Now()}, false)
			if err != nil {
				return nil, err
			}
			out := map[string]string{}
			for _, b := range plan.Builds {
				out[b.Name()] = in.Build(b).Sum
			}
			return out, nil
		},
		Log:      func(text string) { fmt.Fprintln(e.Stderr, "orch lsp: "+text) },
		Debounce: 150 * time.Millisecond,
		Lenses:   true,
	}
}

// editorOptions are what a definition in a folder depends on besides its files, as
// far as a command in that folder finds it on this machine. Compose files are not
// read.
func editorOptions(e *planning.Session, dir string) config.Options {
	return config.Options{
		LookupEnv: e.Lookup,
		Environ:   e.Environ(),
		Platform:  machine.LocalPlatform(),
		HomeDir:   os.UserHomeDir,
		GoEnv:     load.GoEnv,
		Now:       time.Now,
		Git: func(folder, fact string) (any, error) {
			if !filepath.IsAbs(folder) {
				folder = filepath.Join(dir, folder)
			}
			return gitfact.Read(folder, fact)
		},
		Lane: func() config.Lane {
			return config.Lane(ci.LaneOf(e.Getenv, func() string { return gitfact.Branch(dir) }, func() string {
				branch, _ := gitfact.Main(dir)
				return branch
			}))
		},
	}
}
