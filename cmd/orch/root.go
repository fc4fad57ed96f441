package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"

	"github.com/orch-build/orch/cmd/orch/internal/bake"
	"github.com/orch-build/orch/cmd/orch/internal/buildercmd"
	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/cmd/orch/internal/compare"
	"github.com/orch-build/orch/cmd/orch/internal/debugging"
	"github.com/orch-build/orch/cmd/orch/internal/machine"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/cmd/orch/internal/reproduce"
	"github.com/orch-build/orch/cmd/orch/internal/sharding"
	"github.com/orch-build/orch/cmd/orch/internal/site"
	"github.com/orch-build/orch/internal/helptext"
	"github.com/orch-build/orch/internal/interrupt"
	"github.com/orch-build/orch/internal/profile"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/schema/hclfmt"
)

// giveUpAfter is how long a command may go on after an interrupt.
const giveUpAfter = 3 * time.Second

// interrupts are the signals that interrupt a command: also the signal of a terminal
// which is closed, unless nohup(1) has had it ignored.
func interrupts() []os.Signal {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	return signals
}

// run runs one command line and returns the exit code. sites reaches where targets
// are built; nil is a builder. An interrupt cancels the context of the command; a
// second one ends the process.
func run(m *machine.Machine, sites site.Opener, args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), interrupts()...)
	defer stop()
	context.AfterFunc(ctx, stop)

	e := planning.New(m)
	e.Args, e.Ctx, e.Interrupt = args, ctx, &interrupt.Watch{}
	e.Again = func(ctx context.Context, args []string) error {
		root := newRootCommand(e, sites)
		root.SetArgs(args)
		return root.ExecuteContext(ctx)
	}
	if len(args) == 0 || !strings.HasPrefix(args[0], "__") { // or else it is the embedded builder
		cli.CollectLess(e.Getenv)
	}
	e.Neutralise()
	defer profile.Start(e.Getenv, e.Stderr)()
	code := cli.ExitInterrupted
	if !e.Interrupt.Run(ctx, giveUpAfter, func() { code = exitCode(ctx, e.Env, offerInit(ctx, e, hclfmt.Args(args))) }) {
		fmt.Fprintf(e.Stderr, "orch: %s\n", e.Interrupt.Text())
		return cli.ExitInterrupted
	}
	return code
}

// exitCode prints err, unless that was done, and says how to exit.
func exitCode(ctx context.Context, e *cli.Env, err error) int {
	if err == nil {
		return cli.ExitOK
	}
	var reported *cli.Failure
	if errors.As(err, &reported) {
		return reported.Code
	}
	if ctx.Err() != nil {
		fmt.Fprintf(e.Stderr, "orch: %s\n", e.Interrupt.Text())
		return cli.ExitInterrupted
	}
	var diags hcl.Diagnostics
	e.Diag().PrintError(err)
	if usage.Is(err) || errors.As(err, &diags) {
		return cli.ExitUsage
	}
	return cli.ExitFailed
}

const rootLong = `orch builds many image targets at once.

A build.hcl declares targets that share Dockerfiles. orch computes the union of
their stage graphs, so that every shared stage is built once, and builds all
targets at the same time on BuildKit. Existing bake files work as they are.

Exit codes: 0 done, 1 a build failed, 2 wrong use or a wrong file,
130 interrupted.`

const rootExample = `  orch bake                     build the default group of build.hcl
  orch bake client server       build two targets at once
  orch plan client server       show what would be built, and what is shared
  orch bake --print             show the resolved definition as JSON
  orch builder status           look at the embedded builder`

func newRootCommand(e *planning.Session, sites site.Opener) *cobra.Command {
	var version bool
	root := &cobra.Command{
		Use:           "orch",
		Short:         "Build many image targets at once",
		Long:          rootLong,
		Example:       rootExample,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          helptext.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if version {
				return printVersion(e)
			}
			return cmd.Help()
		},
	}
	root.Flags().BoolVarP(&version, "version", "v", false, "print the version")
	root.SetIn(e.Stdin)
	root.SetOut(e.Stdout)
	root.SetErr(e.Stderr)
	root.SetFlagErrorFunc(helptext.FlagErrors(e.Args))
	root.SetHelpFunc(helptext.HelpFunc(e.Stdout))
	root.SetUsageFunc(helptext.UsageFunc(e.Stdout))
	cobra.EnableCommandSorting = false
	group := func(title string, commands ...*cobra.Command) {
		root.AddGroup(&cobra.Group{ID: title, Title: title})
		for _, cmd := range commands {
			cmd.GroupID = title
			root.AddCommand(cmd)
		}
	}
	group("Building", bake.NewCommand(e, sites), newPlanCommand(e), compare.NewAffectedCommand(e), compare.NewExplainCommand(e), sharding.NewMergeCommand(e), reproduce.NewCommand(e, sites), newPublishCommand(e), debugging.NewCommand(e))
	group("Runs", newRunsCommand(e), newLogsCommand(e), newReportCommand(e))
	group("Definitions", newInitCommand(e), sharding.NewCICommand(e), newListCommand(e), newLockCommand(e), newBundleCommand(e), newValidateCommand(e), newFmtCommand(e), newSchemaCommand(e), newLSPCommand(e))
	group("This machine", buildercmd.NewCommand(e.Machine), newDoctorCommand(e), newPluginCommand(e), newManCommand(e), newVersionCommand(e))
	root.AddCommand(newDaemonCommand(), newMountHelperCommand())
	strictCommands(root)
	return root
}

// strictCommands makes cobra's own commands refuse what they do not know, which
// they would answer with a page of help and exit code 0.
func strictCommands(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	root.InitDefaultHelpCmd()
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "completion":
			cmd.Args = helptext.NoArgs
			cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
			completeEverywhere(cmd)
		case "help":
			cmd.Args = func(_ *cobra.Command, args []string) error {
				at, rest, err := root.Find(args)
				if err != nil || len(rest) > 0 {
					return usage.Errorf("there is no command %q.%s\nSee '%s --help'.", strings.Join(args, " "), helptext.CommandHint(at, args[len(args)-1]), at.CommandPath())
				}
				return nil
			}
		}
	}
}
