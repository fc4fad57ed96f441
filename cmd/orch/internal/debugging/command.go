// Package debugging is the command debug: a shell, or one command, in a step of a
// target. It reads the definition by package planning and hands it to package build; how
// a step is reached it does not know.
package debugging

import (
	"context"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/orch-build/orch/cmd/orch/internal/build"
	"github.com/orch-build/orch/cmd/orch/internal/compare"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/helptext"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/runner/buildkit"
)

// flags are the flags of debug, but for those that say how the definition is read.
type flags struct {
	before   bool
	shell    string
	busybox  string
	progress string
	// command is what is run instead of a shell.
	command []string
}

// NewCommand makes the command.
func NewCommand(e *planning.Session) *cobra.Command {
	var load planning.Flags
	var f flags
	cmd := &cobra.Command{
		Use:   "debug TARGET[@STEP] [-- COMMAND…]",
		Short: "Open a shell in a step of a target, such as the one that fails",
		Long: `debug builds a target as far as a step, and opens a shell in that step: with its
files, its mounts, its environment and user, and the secrets and ssh agents that the
step has in a build. Nothing is exported, and what the shell changes is gone when it
ends.

STEP is a stage and a number, such as build-3, as in 'orch explain'; a stage alone is
its last step. The files are those that the step leaves, also if it fails; with
--before those that it finds. Without STEP it is the step that fails, and if none
does, the finished image.

After -- comes a command that is run instead of a shell; it needs no terminal. The
exit code is that of the shell or the command: 127 where there is no such program.

An image without a shell needs another program (--shell), or a static busybox of this
machine (--busybox), which is mounted beside the files of the step.`,
		Example: `  orch debug web                          the step that fails, or the image
  orch debug web@build-3                  as step build-3 leaves it
  orch debug web@build-3 --before
  orch debug web@build-3 -- cat go.mod
  orch debug web --busybox /bin/busybox   an image without a shell`,
		ValidArgsFunction: compare.CompleteParts(e, &load),
		RunE: func(cmd *cobra.Command, args []string) error {
			if at := cmd.ArgsLenAtDash(); at >= 0 {
				args, f.command = args[:at], args[at:]
				if len(f.command) == 0 {
					return usage.Errorf("there is no command after --; leave -- out for a shell")
				}
			}
			return f.run(cmd.Context(), e, &load, args)
		},
	}
	load.Register(cmd, e)
	helptext.Grouped(cmd.Flags(), "Inside of the step", load.RegisterBundle)
	helptext.Grouped(cmd.Flags(), "Inside of the step", func(flags *pflag.FlagSet) {
		flags.BoolVar(&f.before, "before", false, "take the step as it is before it runs")
		flags.StringVar(&f.shell, "shell", "", "open `PROGRAM` (default: the shell that the step uses, else /bin/sh)")
		flags.StringVar(&f.busybox, "busybox", "", "mount the static busybox `FILE` of this machine, and use its shell")
		flags.StringVar(&f.progress, "progress", "auto", "how to show progress: `MODE` is auto, plain, tty, quiet or none")
	})
	_ = cmd.RegisterFlagCompletionFunc("progress", cobra.FixedCompletions([]string{"auto", "plain", "tty", "quiet", "none"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// run reads the definition and has the step reached.
func (f *flags) run(ctx context.Context, e *planning.Session, load *planning.Flags, args []string) error {
	args, err := load.Open(e, args)
	if err != nil {
		return err
	}
	if len(args) != 1 {
		return usage.Errorf("orch debug takes one target, such as web or web@build-3; a command follows after --")
	}
	name, step, at := strings.Cut(args[0], "@")
	switch {
	case at && step == "":
		return usage.Errorf("%s: write a step after the @, such as %sbuild-3, or leave the @ out", args[0], args[0])
	case f.before && step == "":
		return usage.Errorf("--before goes with a step, such as %s@build-3", name)
	case f.shell != "" && (f.busybox != "" || f.command != nil), f.busybox != "" && f.command != nil:
		return usage.Errorf("--shell, --busybox and a command exclude each other")
	}
	tool, err := f.tool()
	if err != nil {
		return err
	}
	e.Policies = planning.NewPolicies(ctx, e, &load.Builder)
	defer e.Policies.Close()
	cfg, err := load.Resolve(ctx, e, func(o *config.Options) { o.Targets = []string{name} }, e.WholeFor)
	if err != nil {
		return err
	}
	if len(cfg.Chosen) != 1 {
		return usage.Errorf("%s is %d targets (%s): name one", name, len(cfg.Chosen), strings.Join(cfg.Chosen, ", "))
	}
	if err := load.Allowed(ctx, e, cfg, nil); err != nil {
		return err
	}
	if err := e.CheckPolicies(cfg, load.URL != ""); err != nil {
		return err
	}
	s := &session{env: e, flags: f, tool: tool, target: name}
	err = build.Inside(ctx, e, cfg, build.Options{Builder: &load.Builder, Progress: f.progress}, buildkit.Inside{
		Step: step, Before: f.before, Use: s.use,
	})
	if err != nil {
		return s.reported(err)
	}
	return nil
}
