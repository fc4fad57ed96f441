package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/docker/cli/cli/config"
	"github.com/spf13/cobra"

	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/cmd/orch/internal/version"
	"github.com/orch-build/orch/internal/helptext"
	"github.com/orch-build/orch/internal/plugin"
	"github.com/orch-build/orch/internal/usage"
)

const pluginLong = `Let the docker command run orch under its own names.

As docker-orch, 'docker orch bake' is 'orch bake'. As docker-buildx, 'docker buildx
bake' and the builds of 'docker compose' are orch's, and every other command of
buildx goes to the real plugin, with its arguments as they are. Nothing of docker
is changed: orch becomes a link in the folder of plugins of the docker
configuration, a plugin that is there already is kept, and comes back with rm.`

func newPluginCommand(e *planning.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use: "plugin", Short: "Run orch as a plugin of docker, and as its buildx bake", Long: pluginLong,
		Example: `  orch plugin install
  orch plugin install --as buildx
  orch plugin ls
  orch plugin rm --as buildx`,
		Args: helptext.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		pluginAction(e, &cobra.Command{
			Use: "install", Short: "Make orch a plugin of docker",
			Long:    "Make orch a plugin of docker, by a link in the folder of plugins of the docker configuration.",
			Example: "  orch plugin install\n  orch plugin install --as buildx",
		}, plugin.Places.Installing),
		pluginAction(e, &cobra.Command{
			Use: "rm", Short: "Take orch out of the plugins of docker",
			Long:    "Take orch out of the plugins of docker. What was there before comes back.",
			Example: "  orch plugin rm\n  orch plugin rm --as buildx",
		}, plugin.Places.Removing),
		&cobra.Command{
			Use: "ls", Short: "Show as which plugins docker runs orch",
			Long:    "Show as which plugins docker runs orch, and what it is in place of.",
			Example: "  orch plugin ls",
			Args:    helptext.NoArgs,
			RunE: func(*cobra.Command, []string) error {
				self, err := os.Executable()
				if err != nil {
					return err
				}
				return pluginPlaces().List(e.Stdout, self)
			},
		},
	)
	return cmd
}

// pluginAction makes a command that installs or removes the plugin, whose name is --as.
func pluginAction(e *planning.Session, cmd *cobra.Command, do func(plugin.Places, string, string) (string, error)) *cobra.Command {
	as := plugin.Orch
	cmd.Args = helptext.NoArgs
	cmd.RunE = func(*cobra.Command, []string) error {
		if as != plugin.Orch && as != plugin.Buildx {
			return usage.Errorf("--as %q: there are %s and %s", as, plugin.Orch, plugin.Buildx)
		}
		self, err := os.Executable()
		if err != nil {
			return err
		}
		says, err := do(pluginPlaces(), as, self)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(e.Stdout, says)
		return err
	}
	cmd.Flags().StringVar(&as, "as", plugin.Orch, "`NAME` of the plugin: orch or buildx")
	_ = cmd.RegisterFlagCompletionFunc("as", cobra.FixedCompletions(plugin.Names, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func pluginPlaces() plugin.Places {
	var extra []string
	if file, err := config.Load(config.Dir()); err == nil {
		extra = file.CLIPluginsExtraDirs
	}
	return plugin.PlacesOf(config.Dir(), extra)
}

// asPlugin reads the command line as docker may have written it. done reports
// that the call was not for orch, has been dealt with, and ends with the code.
func asPlugin(argv []string) (args []string, code int, done bool) {
	call := plugin.Read(argv)
	for name, value := range call.Env {
		_ = os.Setenv(name, value)
	}
	self, err := os.Executable()
	switch {
	case err != nil || call.Plugin == "":
		return call.Args, cli.ExitOK, false
	case call.Metadata:
		return nil, printMetadata(call.Plugin, self), true
	case !call.Elsewhere:
		return call.Args, cli.ExitOK, false
	}
	other := pluginPlaces().Real(call.Plugin, self)
	if other == "" && call.Version {
		fmt.Println(plugin.VersionLine(version.Orch()))
		return nil, cli.ExitOK, true
	}
	if other == "" {
		fmt.Fprintln(os.Stderr, "orch: here docker-buildx is orch, which has only bake, and the real plugin is not there.\n"+
			"Install it (the package docker-buildx-plugin), or take orch away: orch plugin rm --as buildx")
		return nil, cli.ExitUsage, true
	}
	if err := plugin.Exec(other, argv[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "orch: running %s: %v\n", other, err)
	}
	return nil, cli.ExitFailed, true
}

func printMetadata(name, self string) int {
	var of []byte
	if other := pluginPlaces().Real(name, self); other != "" {
		ctx, stop := context.WithTimeout(context.Background(), 5*time.Second)
		defer stop()
		of, _ = exec.CommandContext(ctx, other, plugin.MetadataArg).Output()
	}
	_, _ = os.Stdout.Write(plugin.Metadata(name, version.Orch(), of))
	return cli.ExitOK
}
