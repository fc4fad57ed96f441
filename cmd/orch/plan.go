package main

import (
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
)

func newPlanCommand(e *env) *cobra.Command {
	var load loadFlags
	var builder builderFlags
	cmd := &cobra.Command{
		Use:   "plan [URL [CONTEXT]] [TARGET…]",
		Short: "Show the stages that would be built, and which of them are shared",
		Long: `plan reads the definition and the Dockerfiles, and shows what a build of the
targets would do: the stages that several targets share, the order of the
builds, and what each target adds. It needs no builder and builds nothing.`,
		Example: `  orch plan
  orch plan client server
  orch plan --set '*.platform=linux/amd64,linux/arm64' server`,
		ValidArgsFunction: completeTargets(e, &load),
		RunE: func(cmd *cobra.Command, args []string) error {
			args = load.takeArgs(cmd.Context(), &builder, args)
			cfg, err := load.load(e, func(o *config.Options) { o.Targets = args })
			if err != nil {
				return err
			}
			plan, err := planFor(e, cfg, localPlatform())
			if err != nil {
				return err
			}
			return plan.Text(e.stdout, e.textOptions(e.stdout))
		},
	}
	load.register(cmd.Flags())
	builder.register(cmd)
	return cmd
}

// textOptions fits printed plans to a terminal.
func (e *env) textOptions(w io.Writer) planner.TextOptions {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return planner.TextOptions{}
	}
	_, plain := e.lookup("NO_COLOR")
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		width = 0
	}
	return planner.TextOptions{Width: width, Color: !plain && e.getenv("TERM") != "dumb"}
}
