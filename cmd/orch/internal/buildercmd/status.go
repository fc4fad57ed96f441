package buildercmd

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/cmd/orch/internal/machine"
	"github.com/orch-build/orch/internal/helptext"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/runner/builders"
	"github.com/orch-build/orch/runner/buildkit/builder"
	"github.com/orch-build/orch/runner/embedded"
)

// builderState is what is said of a builder, for people and as JSON.
type builderState struct {
	Name   string          `json:"name"`
	Driver builders.Driver `json:"driver"`
	// Reason is why it is the one that is used; "" of one that was asked for.
	Reason string `json:"reason,omitempty"`
	Origin string `json:"origin"`
	// Nodes are the nodes of a builder that is not the embedded one.
	Nodes []nodeState `json:"nodes,omitempty"`
	// Info is about the embedded builder.
	*embedded.Info
}

// nodeState is one node, and what it says of itself.
type nodeState struct {
	Name      string   `json:"name"`
	Address   string   `json:"address"`
	Status    string   `json:"status"`
	Error     string   `json:"error,omitempty"`
	BuildKit  string   `json:"buildkit,omitempty"`
	Platforms []string `json:"platforms,omitempty"`
	Weight    float64  `json:"weight,omitempty"`
	Limit     int      `json:"limit,omitempty"`
	// Engine and Images are of a Docker engine: its version, and how it keeps
	// images.
	Engine string `json:"engine,omitempty"`
	Images string `json:"images,omitempty"`
}

const statusLong = `Show which builder is used, why, and what it is. Nothing is started.

Exit codes: 0 it runs, 1 it does not, 2 wrong use.`

func newBuilderStatusCommand(e *machine.Machine) *cobra.Command {
	var flags machine.BuilderFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show which builder is used, why, and whether it runs",
		Long:  statusLong,
		Example: `  orch builder status
  orch builder status --json`,
		Args: helptext.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			choice, err := flags.Choose(e)
			if err != nil {
				return err
			}
			return showBuilder(cmd.Context(), e, choice, cli.Form(asJSON))
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	flags.Register(cmd)
	return cmd
}

func newBuilderInspectCommand(e *machine.Machine) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "inspect [NAME]",
		Short: "Show a builder and its nodes, and whether they run",
		Long:  "Show a builder and its nodes, and whether they run. Nothing is started.\n\nExit codes: 0 it runs, 1 it does not, 2 wrong use.",
		Example: `  orch builder inspect fleet
  orch builder inspect tcp://buildkit:1234`,
		Args:              numberOfArgs(0, 1, "the name of one builder"),
		ValidArgsFunction: machine.CompleteBuilders,
		RunE: func(cmd *cobra.Command, args []string) error {
			choice, err := inspected(e, args)
			if err != nil {
				return err
			}
			return showBuilder(cmd.Context(), e, choice, cli.Form(asJSON))
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// inspected is the builder that an argument names, or the one of a run.
func inspected(e *machine.Machine, args []string) (*builders.Choice, error) {
	if len(args) == 0 {
		return (&machine.BuilderFlags{}).Choose(e)
	}
	b, err := e.Catalog().Find(args[0])
	if err != nil {
		return nil, usage.Wrap(err)
	}
	return &builders.Choice{Builder: b}, nil
}

// showBuilder prints a builder. One that does not run is an error.
func showBuilder(ctx context.Context, e *machine.Machine, choice *builders.Choice, form cli.Form) error {
	state := builderState{Name: choice.Name, Driver: choice.Driver, Reason: choice.Reason, Origin: choice.Origin}
	running, err := state.ask(ctx, e, choice)
	if err != nil {
		return err
	}
	switch {
	case form == cli.JSON:
		err = termtext.PrintJSON(e.Stdout, state)
	case state.Info != nil:
		err = printInfo(e.Stdout, choice, state.Info)
	default:
		err = state.print(e.Stdout)
	}
	if err == nil && !running {
		return &cli.Failure{Code: cli.ExitFailed, Err: fmt.Errorf("builder %s is not running", choice.Name)}
	}
	return err
}

// ask asks the nodes what they are.
func (s *builderState) ask(ctx context.Context, e *machine.Machine, choice *builders.Choice) (running bool, err error) {
	if choice.Driver == builders.Embedded {
		o, err := machine.EmbeddedOptions(e)
		if err != nil {
			return false, err
		}
		if s.Info, err = embedded.Status(ctx, o); err != nil {
			return false, err
		}
		return s.Info.Running, nil
	}
	running = true
	for _, n := range choice.Nodes {
		state := askNode(ctx, choice.Driver, n)
		running = running && state.Error == ""
		s.Nodes = append(s.Nodes, state)
	}
	return running, ctx.Err()
}

func askNode(ctx context.Context, driver builders.Driver, n builders.Node) nodeState {
	state := nodeState{Name: n.Name, Address: n.Address, Status: "running", Platforms: n.Platforms, Limit: n.Limit}
	if n.Weight != 1 {
		state.Weight = n.Weight
	}
	b, err := builder.Look(ctx, driver, n, n.Name)
	if err != nil {
		state.Status, state.Error = "not running", err.Error()
		return state
	}
	defer b.Close()
	state.BuildKit = b.Version
	if len(state.Platforms) == 0 {
		state.Platforms = b.Platforms
	}
	if b.Engine != nil {
		state.Engine, state.Images = b.Engine.Info.Version, imageStore(b.Engine)
	}
	return state
}

// imageStore says how an engine keeps images.
func imageStore(e *builder.Engine) string {
	if e.Info.Containerd {
		return "in containerd's store: several platforms, attestations, every output"
	}
	return "of one platform each, without attestations; no OCI or Docker archives (it has no containerd image store)"
}

func (s *builderState) print(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name string, value any) {
		if value != "" {
			fmt.Fprintf(tw, "%s:\t%v\n", name, value)
		}
	}
	row("Builder", s.Name)
	row("Chosen by", s.Reason)
	row("Driver", string(s.Driver))
	if s.Origin != builders.FromAddress {
		row("From", s.Origin)
	}
	for _, n := range s.Nodes {
		if len(s.Nodes) > 1 {
			fmt.Fprintln(tw)
			row("Node", n.Name)
		}
		if n.Address != s.Name {
			row("Address", n.Address)
		}
		row("Status", n.Status)
		row("Error", strings.ReplaceAll(n.Error, "\n", "\n\t"))
		row("BuildKit", n.BuildKit)
		row("Engine", n.Engine)
		row("Images", n.Images)
		row("Platforms", strings.Join(n.Platforms, ", "))
		if n.Weight != 0 {
			row("Weight", n.Weight)
		}
		if n.Limit != 0 {
			row("Limit", n.Limit)
		}
	}
	return tw.Flush()
}
