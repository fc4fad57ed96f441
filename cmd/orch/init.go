package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"

	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/cmd/orch/internal/machine"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/convert"
	"github.com/orch-build/orch/internal/gitfact"
	"github.com/orch-build/orch/internal/output"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/load"
)

// initFlags are the flags of init.
type initFlags struct {
	print  bool
	force  bool
	output string
}

func newInitCommand(e *planning.Session) *cobra.Command {
	var f initFlags
	cmd := &cobra.Command{
		Use:   "init [PATH…]",
		Short: "Write a build.hcl from what is there",
		Long: `init writes a build.hcl whose targets are what a project builds already. A PATH
is one of these; a folder is searched for them, in this order; without a PATH
it is the current folder.

  bake files       docker-bake.hcl and the like, as they are, in HCL
  Compose files    a target for each service that is built
  shell scripts    a target for each "docker build" line; a folder's scripts
                   are read if it has a Dockerfile.build
  Dockerfiles      a target for each final stage, which no other one uses;
                   their arguments become variables

The targets are joined in the group "default". An existing file is not
replaced unless --force says so. What init writes can be loaded: it is checked
before it is written.`,
		Example: `  orch init                      from what is in this folder
  orch init --print services     show what would be written
  orch init web/Dockerfile worker/Dockerfile
  orch init -o ci/build.hcl docker-compose.yml`,
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault),
		RunE: func(_ *cobra.Command, args []string) error {
			return f.run(e, args)
		},
	}
	cmd.Flags().BoolVar(&f.print, "print", false, "print the definition, write nothing")
	cmd.Flags().BoolVar(&f.force, "force", false, "replace the file if it is there")
	cmd.Flags().StringVarP(&f.output, "output", "o", "build.hcl", "the `FILE` to write")
	return cmd
}

func (f *initFlags) run(e *planning.Session, args []string) error {
	if _, err := os.Lstat(f.output); err == nil && !f.print && !f.force && output.Replaceable(f.output) {
		return usage.Errorf("%s is there already; --force replaces it, --print shows what would be written", f.output)
	}
	text, about, err := f.convert(e, args)
	if err != nil {
		return err
	}
	if f.print {
		_, err := termtext.Raw(e.Stdout).Write(text)
		return err
	}
	if err := output.WriteFile(f.output, text, 0o644); err != nil {
		return fmt.Errorf("writing %w", err)
	}
	fmt.Fprintf(e.Stdout, "wrote %s from %s\nSee what it builds with: orch plan\nBuild it with: orch bake\n", f.output, about)
	return nil
}

// convert returns the definition made of what the arguments name, and what it
// was made of.
func (f *initFlags) convert(e *planning.Session, args []string) (text []byte, about string, err error) {
	if len(args) == 0 {
		args = []string{"."}
	}
	found, err := convert.Find(args, convert.Options{
		Report:   func(diags hcl.Diagnostics, texts map[string][]byte) error { return e.Report(diags, texts) },
		Compose:  func(report convert.Report) load.ComposeReader { return e.Parts.ComposeReader(e.Env, nil, report) },
		Note:     func(line string) { fmt.Fprintf(e.Stderr, "orch: %s\n", line) },
		Platform: machine.LocalPlatform(),
		Git:      gitfact.Read,
	})
	if err == nil {
		text, err = found.Definition()
	}
	var told *cli.Failure
	if err != nil && !errors.As(err, &told) {
		return nil, "", usage.Wrap(err)
	}
	if err != nil {
		return nil, "", err
	}
	return text, found.String(), nil
}
