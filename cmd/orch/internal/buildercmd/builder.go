// Package buildercmd has the commands about builders: which there are, which one is
// used, and what the embedded one is doing. It knows nothing of definitions and
// targets.
package buildercmd

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/docker/go-units"
	"github.com/spf13/cobra"

	"github.com/orch-build/orch/cmd/orch/internal/machine"
	"github.com/orch-build/orch/internal/helptext"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/runner/builders"
	"github.com/orch-build/orch/runner/embedded"
)

const builderLong = `Look at the builders that there are, choose one, and manage the embedded one.

Builders have names: those of buildx, the engines of the docker contexts, and
those of builders.hcl. Which one a build uses is decided by, in this order,
--builder, BUILDX_BUILDER, ORCH_BUILDER, BUILDKIT_HOST, 'orch builder use', the
current builder of buildx and the current docker context; 'orch builder status'
says which it is, and why.

When nobody has chosen one, orch builds on Linux with the one in its own binary,
which is called embedded: BuildKit, started in the background by the first build,
kept warm for the next, and ended after 15 minutes without a client. It needs
runc. On other systems it is the Docker engine. start, stop and logs are about the
embedded builder.

Its state (cache, log, socket) is in /var/lib/orch for root, and in
$XDG_STATE_HOME/orch or ~/.local/state/orch for others. du and prune work on
other builders as well, named as for a build.

Environment:
  ORCH_STATE_DIR          another folder for the state
  ORCH_BUILDER_IDLE       end after this time without a client (30m; 0: never)
  ORCH_BUILDER_CONFIG     its configuration, in the form of a buildkitd.toml (default:
                          $BUILDKITD_CONFIG, else /etc/buildkit/buildkitd.toml,
                          for others than root ~/.config/buildkit/buildkitd.toml)
  ORCH_REGISTRY_TIMEOUT   give up on a registry that says nothing for this long
                          (1m, of the builder that this call starts)
  ORCH_BUILDER_TIMEOUT    take a builder for gone that says nothing for this
                          time (1m45s, of this run)

Exit codes: 0 done, 1 it did not work, 2 wrong use.`

// NewCommand groups the commands about the builder.
func NewCommand(e *machine.Machine) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "builder",
		Short: "Choose a builder, and manage the embedded one",
		Long:  builderLong,
		Example: `  orch builder status
  orch builder ls
  orch builder use fleet
  orch builder logs -f
  orch builder prune --keep-storage 10gb
  orch builder stop`,
		Args: helptext.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		newBuilderStatusCommand(e),
		newBuilderLsCommand(e),
		newBuilderInspectCommand(e),
		newBuilderUseCommand(e),
		newBuilderCreateCommand(e),
		newBuilderRmCommand(e),
		newBuilderStartCommand(e),
		newBuilderStopCommand(e),
		newBuilderLogsCommand(e),
		newBuilderDuCommand(e),
		newBuilderPruneCommand(e),
	)
	return cmd
}

func printInfo(w io.Writer, choice *builders.Choice, i *embedded.Info) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name string, value any) { fmt.Fprintf(tw, "%s:\t%v\n", name, value) }
	row("Builder", choice.Name)
	if choice.Reason != "" {
		row("Chosen by", choice.Reason)
	}
	if !i.Running {
		row("Status", "not running; the next build starts it")
		row("State", i.StateDir)
		row("Log", i.Log)
		return tw.Flush()
	}
	row("Status", activity(i))
	row("Process", fmt.Sprintf("%d, up %s", i.PID, units.HumanDuration(time.Since(i.Started))))
	row("Version", fmt.Sprintf("orch %s, BuildKit %s", i.Version, i.BuildKit))
	row("Address", i.Address)
	row("State", i.StateDir)
	row("Log", i.Log)
	row("Ends", idleExit(i))
	row("Runs steps", fmt.Sprintf("with %s, %s, network %s%s", i.Runtime, i.Snapshotter, i.Network, rootless(i)))
	if i.Config != "" {
		row("Configured", "by "+i.Config)
	}
	if i.MaxParallelism > 0 {
		row("At once", termtext.Count(i.MaxParallelism, "step"))
	}
	row("Platforms", strings.Join(i.Platforms, ", "))
	if len(i.Emulated) > 0 {
		row("Emulated", strings.Join(i.Emulated, ", "))
	}
	return tw.Flush()
}

func activity(i *embedded.Info) string {
	if !i.Busy() {
		return "running, idle"
	}
	return fmt.Sprintf("running, %s, %s in work", termtext.Count(i.Clients, "client"), termtext.Count(i.Active, "request"))
}

func idleExit(i *embedded.Info) string {
	if i.IdleExit == "never" {
		return "when stopped"
	}
	return "after " + i.IdleExit + " without a client"
}

func rootless(i *embedded.Info) string {
	if i.Rootless {
		return ", rootless"
	}
	return ""
}

func newBuilderStartCommand(e *machine.Machine) *cobra.Command {
	var idle time.Duration
	cmd := &cobra.Command{
		Use:   "start",
		Short: "Start the embedded builder, unless it runs already",
		Example: `  orch builder start
  orch builder start --idle 2h`,
		Args: helptext.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := machine.EmbeddedOptions(e)
			if err != nil {
				return err
			}
			if cmd.Flags().Changed("idle") {
				if o.Idle = idle; idle <= 0 {
					o.Idle = -1
				}
			}
			d, err := embedded.Ensure(cmd.Context(), o)
			if err != nil {
				return err
			}
			state := "was running already"
			if d.Started {
				state = "started"
			}
			_, err = fmt.Fprintf(e.Stdout, "builder %s: process %d, %s\n", state, d.Info.PID, d.Address)
			return err
		},
	}
	cmd.Flags().DurationVar(&idle, "idle", embedded.DefaultIdle, "end after a `TIME` without a client, such as 30m; 0 for never")
	return cmd
}

func newBuilderStopCommand(e *machine.Machine) *cobra.Command {
	var now bool
	cmd := &cobra.Command{
		Use:   "stop",
		Short: "End the embedded builder when its builds are done",
		Long:  "End the embedded builder when its builds are done; it takes no new ones meanwhile.\nThe cache stays, and the next build starts a new builder.",
		Example: `  orch builder stop
  orch builder stop --now`,
		Args: helptext.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := machine.EmbeddedOptions(e)
			if err != nil {
				return err
			}
			when := embedded.AfterBuilds
			if now {
				when = embedded.AtOnce
			}
			stopped, err := embedded.Stop(cmd.Context(), o, when)
			if err != nil {
				return err
			}
			text := "no builder was running"
			if stopped {
				text = "builder stopped"
			}
			_, err = fmt.Fprintln(e.Stdout, text)
			return err
		},
	}
	cmd.Flags().BoolVar(&now, "now", false, "cancel running builds instead of waiting for them")
	return cmd
}

func newBuilderLogsCommand(e *machine.Machine) *cobra.Command {
	var follow bool
	var lines int
	cmd := &cobra.Command{
		Use:   "logs",
		Short: "Print the log of the embedded builder",
		Example: `  orch builder logs
  orch builder logs -f
  orch builder logs -n -1`,
		Args: helptext.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := machine.EmbeddedOptions(e)
			if err != nil {
				return err
			}
			path, err := embedded.LogPath(o)
			if err != nil {
				return err
			}
			if follow {
				return embedded.FollowLog(cmd.Context(), e.Stdout, path, lines)
			}
			return embedded.CopyLog(e.Stdout, path, lines)
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with what is added, until interrupted")
	cmd.Flags().IntVarP(&lines, "lines", "n", 100, "the last `N` lines; -1 for all")
	return cmd
}
