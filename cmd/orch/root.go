package main

import (
	"context"
	"errors"
	"fmt"
	"github.com/orch-build/orch/internal/helptext"
	"github.com/orch-build/orch/runner/policies"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"

	"github.com/orch-build/orch/internal/diag"
	"github.com/orch-build/orch/internal/interrupt"
	"github.com/orch-build/orch/internal/notice"
	"github.com/orch-build/orch/internal/profile"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/runner/embedded"
	"github.com/orch-build/orch/schema/hclfmt"
)

// Exit codes, as documented in the help text.
const (
	exitOK          = 0
	exitFailed      = 1   // a build failed
	exitUsage       = 2   // wrong use, or a wrong file
	exitInterrupted = 130 // Ctrl-C
)

// env is what a command may touch outside itself; tests hand in their own.
type env struct {
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	// lookup reads one variable of the environment.
	lookup func(name string) (string, bool)
	// environ lists the environment as os.Environ does.
	environ func() []string
	// diagJSON is true if what is wrong is to be printed as JSON.
	diagJSON bool
	// args is the command line that is being run.
	args []string
	// resuming is true while args are those of the run that is resumed.
	resuming bool
	// restored is true once the environment is that of the run that is resumed.
	restored bool
	// ctx ends when the command is interrupted; nil never does.
	ctx context.Context
	// interrupt ends the command if it goes on then.
	interrupt *interrupt.Watch

	// builderLog is where the embedded builder's log ended when it was found.
	builderLog embedded.Mark

	notices    *notice.Board
	registries *registries
	// again runs another command line in the place of this one.
	again func(ctx context.Context, args []string) error
	// onlyNames are the names of the builder where none is chosen; nil are those
	// of a builder that there is.
	onlyNames []string
	// policies are those of the targets at hand; nil before there are any.
	policies *policies.Policies
}

func osEnv() *env {
	return &env{
		stdin:   os.Stdin,
		stdout:  os.Stdout,
		stderr:  os.Stderr,
		lookup:  os.LookupEnv,
		environ: os.Environ,
	}
}

// neutralise has all text that is written for people pass the one place that
// makes it harmless for terminals and CI services. What is data, or a command to
// such a service, is written past it with termtext.Raw.
func (e *env) neutralise() {
	e.stdout = termtext.NewWriter(e.stdout, termtext.SinkOf(e.stdout, e.lookup))
	e.stderr = termtext.NewWriter(e.stderr, termtext.SinkOf(e.stderr, e.lookup))
	e.notices, e.registries = &notice.Board{Out: e.stderr}, &registries{}
}

// quiet is the same without what goes to standard error.
func (e *env) quiet() *env {
	out := *e
	out.stderr = io.Discard
	return &out
}

// getenv returns a variable of the environment, or "".
func (e *env) getenv(name string) string {
	v, _ := e.lookup(name)
	return v
}

// errReported is an error that is on the screen already: run only has to turn
// it into an exit code.
type errReported struct {
	code int
	err  error
}

func (e *errReported) Error() string { return e.err.Error() }
func (e *errReported) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return usage.Errorf(format, args...) }

// giveUpAfter is how long a command may go on after an interrupt.
const giveUpAfter = 3 * time.Second

// interrupts are the signals that interrupt a command: also that of a terminal
// which is closed, unless nohup(1) has had it ignored.
func interrupts() []os.Signal {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	return signals
}

// run runs one command line and returns the exit code. An interrupt
// cancels the context of the command; a second one ends the process.
func run(e *env, args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), interrupts()...)
	defer stop()
	context.AfterFunc(ctx, stop)

	e.args, e.ctx, e.interrupt = args, ctx, &interrupt.Watch{}
	e.neutralise()
	defer profile.Start(e.getenv, e.stderr)()
	root := newRootCommand(e, nil)
	root.SetArgs(hclfmt.Args(args))
	code := exitInterrupted
	if !e.interrupt.Run(ctx, giveUpAfter, func() { code = exitCode(ctx, e, root.ExecuteContext(ctx)) }) {
		fmt.Fprintf(e.stderr, "orch: %s\n", e.interrupt.Text())
		return exitInterrupted
	}
	return code
}

// exitCode prints err, unless that was done, and says how to exit.
func exitCode(ctx context.Context, e *env, err error) int {
	if err == nil {
		return exitOK
	}
	var reported *errReported
	if errors.As(err, &reported) {
		return reported.code
	}
	if ctx.Err() != nil {
		fmt.Fprintf(e.stderr, "orch: %s\n", e.interrupt.Text())
		return exitInterrupted
	}
	var diags hcl.Diagnostics
	e.diag().PrintError(err)
	if usage.Is(err) || errors.As(err, &diags) {
		return exitUsage
	}
	return exitFailed
}

// diag returns what prints diagnostics to standard error.
func (e *env) diag() *diag.Printer {
	return &diag.Printer{Out: e.stderr, JSON: e.diagJSON, Getenv: e.getenv}
}

// setDiagnostics decides how what is wrong is printed: as text or json.
func (e *env) setDiagnostics(format string) error {
	if format != "text" && format != "json" {
		return usagef("--diagnostics %q: there are text and json", format)
	}
	e.diagJSON = format == "json"
	return nil
}

// report prints diagnostics to standard error. It returns an error, already
// reported, if one of them is an error.
func (e *env) report(diags hcl.Diagnostics, sources ...map[string][]byte) error {
	return reported(e.diag().Print(diags, sources...))
}

// reported marks the error of a definition whose diagnostics have been printed.
func reported(err error) error {
	if errors.Is(err, diag.ErrDefinition) {
		return &errReported{code: exitUsage, err: err}
	}
	return err
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

func newRootCommand(e *env, sites siteOpener) *cobra.Command {
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
	root.SetIn(e.stdin)
	root.SetOut(e.stdout)
	root.SetErr(e.stderr)
	root.SetFlagErrorFunc(helptext.FlagErrors(e.args))
	root.SetUsageFunc(helptext.UsageFunc(e.stdout))
	cobra.EnableCommandSorting = false
	group := func(title string, commands ...*cobra.Command) {
		root.AddGroup(&cobra.Group{ID: title, Title: title})
		for _, cmd := range commands {
			cmd.GroupID = title
			root.AddCommand(cmd)
		}
	}
	group("Building", newBakeCommand(e, sites), newPlanCommand(e), newAffectedCommand(e), newExplainCommand(e), newMergeCommand(e), newPublishCommand(e))
	group("Runs", newRunsCommand(e), newLogsCommand(e), newReportCommand(e))
	group("Definitions", newInitCommand(e), newCICommand(e), newListCommand(e), newValidateCommand(e), newFmtCommand(e), newSchemaCommand(e))
	group("This machine", newBuilderCommand(e), newVersionCommand(e))
	root.AddCommand(newDaemonCommand())
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
		case "help":
			cmd.Args = func(_ *cobra.Command, args []string) error {
				at, rest, err := root.Find(args)
				if err != nil || len(rest) > 0 {
					return usagef("there is no command %q.%s\nSee '%s --help'.", strings.Join(args, " "), helptext.CommandHint(at, args[len(args)-1]), at.CommandPath())
				}
				return nil
			}
		}
	}
}
