package buildercmd

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"

	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/cmd/orch/internal/machine"
	"github.com/orch-build/orch/internal/filelock"
	"github.com/orch-build/orch/internal/helptext"
	"github.com/orch-build/orch/internal/output"
	"github.com/orch-build/orch/internal/regular"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/runner/builders"
	"github.com/orch-build/orch/runner/builders/hclfile"
	"github.com/orch-build/orch/runner/buildkit/builder"
)

// listedBuilder is a row of "orch builder ls".
type listedBuilder struct {
	Name    string          `json:"name"`
	Driver  builders.Driver `json:"driver"`
	Origin  string          `json:"origin"`
	Current bool            `json:"current"`
	Reason  string          `json:"reason,omitempty"`
	Nodes   []listedNode    `json:"nodes"`
}

type listedNode struct {
	Name      string   `json:"name"`
	Address   string   `json:"address,omitempty"`
	Platforms []string `json:"platforms,omitempty"`
	Weight    float64  `json:"weight"`
	Limit     int      `json:"limit,omitempty"`
}

func newBuilderLsCommand(e *machine.Machine) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List the builders that there are",
		Long: "List the builders that there are: the embedded one, those of builders.hcl and of\n" +
			"buildx, and the engines of the docker contexts. A star marks the one that is used.\nNobody is called.",
		Example: `  orch builder ls
  orch builder ls --json`,
		Args: helptext.NoArgs,
		RunE: func(*cobra.Command, []string) error { return listBuilders(e, cli.Form(asJSON)) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func listBuilders(e *machine.Machine, form cli.Form) error {
	c := e.Catalog()
	all, faults := c.List()
	choice, chooseErr := c.Choose("")
	rows := []listedBuilder{}
	for _, b := range all {
		row := listedBuilder{Name: b.Name, Driver: b.Driver, Origin: b.Origin}
		if choice != nil && choice.Name == b.Name && choice.Origin == b.Origin {
			row.Current, row.Reason = true, choice.Reason
		}
		for _, n := range b.Nodes {
			row.Nodes = append(row.Nodes, listedNode{n.Name, n.Address, n.Platforms, n.Weight, n.Limit})
		}
		rows = append(rows, row)
	}
	var err error
	if form == cli.JSON {
		err = termtext.PrintJSON(e.Stdout, rows)
	} else {
		err = printBuilders(e, rows)
	}
	if err != nil {
		return err
	}
	if len(faults) == 0 && chooseErr != nil {
		faults = append(faults, chooseErr)
	}
	for _, fault := range faults {
		e.Diag().PrintError(fault)
	}
	if len(faults) > 0 {
		return &cli.Failure{Code: cli.ExitFailed, Err: errors.New("not all builders can be read")}
	}
	return nil
}

func printBuilders(e *machine.Machine, rows []listedBuilder) error {
	tw := tabwriter.NewWriter(e.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "NAME\tDRIVER\tFROM\tADDRESS\tPLATFORMS")
	for _, r := range rows {
		name := r.Name
		if r.Current {
			name += " *"
		}
		for i, n := range r.Nodes {
			if i > 0 {
				name, r.Driver, r.Origin = "", "", ""
			}
			fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\n", name, r.Driver, r.Origin, n.Address, strings.Join(n.Platforms, ", "))
		}
	}
	return tw.Flush()
}

func newBuilderUseCommand(e *machine.Machine) *cobra.Command {
	var none bool
	cmd := &cobra.Command{
		Use:   "use NAME",
		Short: "Choose the builder that is used where none is named",
		Long: "Choose the builder that is used where none is named. The choice is in your own\n" +
			"builders.hcl, and comes before those of buildx and docker.",
		Example: `  orch builder use fleet
  orch builder use embedded
  orch builder use --none`,
		Args:              numberOfArgs(0, 1, "the name of one builder"),
		ValidArgsFunction: machine.CompleteBuilders,
		RunE: func(_ *cobra.Command, args []string) error {
			if none == (len(args) == 1) {
				return usage.Errorf("'orch builder use' takes the name of a builder, or --none")
			}
			name := ""
			if !none {
				name = args[0]
				if err := mayBeChosen(e, name); err != nil {
					return err
				}
			}
			return editBuilders(e, builders.UserPath(e.Getenv), func(src []byte, path string) ([]byte, hcl.Diagnostics) {
				return hclfile.SetUse(src, path, name)
			})
		},
	}
	cmd.Flags().BoolVar(&none, "none", false, "choose none: the order of 'orch builder --help' decides")
	return cmd
}

// mayBeChosen says whether a builder can be the one of all folders. A name that a
// project has given means nothing, or something else, in the next.
func mayBeChosen(e *machine.Machine, name string) error {
	b, err := e.Catalog().Find(name)
	if err != nil {
		return usage.Wrap(err)
	}
	if b.Origin == projectBuilders() && b.Origin != builders.UserPath(e.Getenv) {
		return usage.Errorf("builder %q has its name from this project (%s), and the choice is for every folder: name it with --builder, or give it a name of your own with: orch builder create NAME ADDRESS", name, b.Origin)
	}
	return nil
}

// unhidden says that a new builder of your own hides no other of its name.
func unhidden(e *machine.Machine, name string) error {
	b, err := e.Catalog().Find(name)
	if err != nil || b.Origin == projectBuilders() {
		return nil
	}
	return usage.Errorf("there is a builder %q already, from %s: choose another name", name, b.Origin)
}

// readBuilders reads a builders.hcl, however large it has become.
func readBuilders(path string) ([]byte, error) { return regular.ReadFile(path, 10<<20) }

// lockTimeout is how long a command waits for others that write the same file.
const lockTimeout = 30 * time.Second

// editBuilders changes a builders.hcl, which is read before and afterwards, so
// that what is written can be read.
func editBuilders(e *machine.Machine, path string, change func(src []byte, path string) ([]byte, hcl.Diagnostics)) error {
	if path == "" {
		return errors.New("there is no folder for your builders.hcl: set HOME or XDG_CONFIG_HOME")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("writing builders: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), lockTimeout)
	defer cancel()
	release, err := filelock.Hold(ctx, path+".lock")
	if err != nil {
		return fmt.Errorf("waiting for another command to write %s: %w", path, err)
	}
	defer release()
	src, err := readBuilders(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading builders: %w", err)
	}
	if _, diags := hclfile.Parse(src, path); diags.HasErrors() {
		return diags
	}
	changed, diags := change(src, path)
	if diags.HasErrors() {
		return diags
	}
	if bytes.Equal(changed, src) {
		return nil
	}
	if _, diags := hclfile.Parse(changed, path); diags.HasErrors() {
		return usage.Errorf("%s stays as it is: %s", path, diags[0].Detail)
	}
	if err := output.WriteFile(path, changed, 0o644); err != nil {
		return fmt.Errorf("writing builders: %w", err)
	}
	return nil
}

// createFlags describe a new builder.
type createFlags struct {
	platforms []string
	weight    float64
	limit     int
	tls       builder.TLS
	project   bool
	append    bool
	use       bool
	driver    string
	kube      kubeFlags
}

const createLong = `Name one or more BuildKit daemons, each by its address, in builders.hcl. They are
there already: nothing is started and nobody is called.

With --driver kubernetes they are made: kubectl applies a StatefulSet, a Service and
a budget for disruptions, and the name is given to the pods. A cluster keeps them
alive; 'orch builder rm' forgets the name and leaves them there.`

func newBuilderCreateCommand(e *machine.Machine) *cobra.Command {
	var f createFlags
	cmd := &cobra.Command{
		Use:   "create NAME [ADDRESS...]",
		Short: "Give BuildKit daemons a name",
		Long:  createLong,
		Example: `  orch builder create ci tcp://buildkit:1234 --tlscacert ca.pem --tlscert cert.pem --tlskey key.pem
  orch builder create fleet tcp://a:1234 --platform linux/amd64
  orch builder create fleet tcp://b:1234 --platform linux/arm64 --append
  orch builder create cluster --driver kubernetes --namespace build --replicas 3`,
		Args: numberOfArgs(1, 1000, "a name and at least one address"),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd.Context(), e, args[0], args[1:]) },
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&f.platforms, "platform", nil, "`PLATFORMS` that the daemons are for, such as linux/amd64 (default: what they say)")
	flags.Float64Var(&f.weight, "weight", 1, "`SIZE` of each daemon in comparison with others")
	flags.IntVar(&f.limit, "limit", 0, "`N` targets that each daemon builds at once, as one of several; 0 is any number")
	flags.StringVar(&f.tls.CACert, "tlscacert", "", "`FILE` with the certificate of the authority that signed the builder's")
	flags.StringVar(&f.tls.Cert, "tlscert", "", "`FILE` with the client certificate")
	flags.StringVar(&f.tls.Key, "tlskey", "", "`FILE` with the key of the client certificate")
	flags.StringVar(&f.tls.ServerName, "tlsservername", "", "`NAME` in the builder's certificate (default: the address's host)")
	flags.BoolVar(&f.project, "project", false, "write it into the project's builders.hcl, not into your own")
	flags.BoolVar(&f.append, "append", false, "add the daemons to a builder that there is")
	flags.BoolVar(&f.use, "use", false, "use it from now on, as 'orch builder use' does")
	flags.StringVar(&f.driver, "driver", string(builders.Remote), "`DRIVER`: remote for daemons that are there, kubernetes to make them in a cluster")
	f.kube.register(flags)
	drivers := []string{string(builders.Remote), string(builders.Kubernetes)}
	_ = cmd.RegisterFlagCompletionFunc("driver", cobra.FixedCompletions(drivers, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (f *createFlags) run(ctx context.Context, e *machine.Machine, name string, addresses []string) error {
	switch {
	case f.use && f.project:
		return usage.Errorf("--use and --project contradict each other: the choice is in your own file")
	case !(f.weight > 0 && f.weight <= hclfile.MaxWeight): // nor is NaN
		return usage.Errorf("--weight %v is not a number above 0, up to a million, such as 2 for a daemon of twice the size", f.weight)
	case f.limit < 0:
		return usage.Errorf("--limit %d is not a number of targets, such as 4; 0 is any number", f.limit)
	case f.driver == string(builders.Kubernetes) && len(addresses) > 0:
		return usage.Errorf("--driver %s makes the daemons, and takes no address; leave --driver out for pods that are there: orch builder create %s kube://NAMESPACE/LABEL=VALUE", f.driver, name)
	case f.driver == string(builders.Kubernetes):
		return f.inKubernetes(ctx, e, name)
	case f.driver != string(builders.Remote):
		return usage.Errorf("--driver %q is not one of remote, kubernetes; builders of buildx are used by their names: see 'orch builder ls'", f.driver)
	case len(addresses) == 0:
		return usage.Errorf("'orch builder create' takes a name and at least one address, or --driver kubernetes")
	}
	if err := f.kube.unused(); err != nil {
		return err
	}
	return f.name(e, name, addresses)
}

// name writes daemons into builders.hcl.
func (f *createFlags) name(e *machine.Machine, name string, addresses []string) error {
	path := f.path(e)
	nodes, err := f.nodes(addresses)
	if err != nil {
		return usage.Wrap(err)
	}
	var wrong error
	err = editBuilders(e, path, func(src []byte, path string) ([]byte, hcl.Diagnostics) {
		file, diags := hclfile.Parse(src, path)
		if diags.HasErrors() {
			return nil, diags
		}
		var b *hclfile.Builder
		if b, wrong = f.builder(e, file, path, name); wrong != nil {
			return src, nil
		}
		for _, n := range nodes {
			n.Name = fmt.Sprintf("%s%d", name, len(b.Nodes))
			b.Nodes = append(b.Nodes, n)
		}
		out, diags := hclfile.Put(src, path, b)
		if diags.HasErrors() || !f.use {
			return out, diags
		}
		return hclfile.SetUse(out, path, name)
	})
	return cmp.Or(wrong, err)
}

// builder is the one that daemons are added to.
func (f *createFlags) builder(e *machine.Machine, file *hclfile.File, path, name string) (*hclfile.Builder, error) {
	b := file.Builder(name)
	switch {
	case b == nil && f.append:
		return nil, usage.Errorf("there is no builder %q in %s to add to; leave --append out", name, path)
	case b != nil && !f.append:
		return nil, usage.Errorf("there is a builder %q in %s already; add to it with --append, or remove it with: orch builder rm %s", name, path, name)
	case b == nil:
		if err := hclfile.CheckName(name); err != nil {
			return nil, usage.Wrap(err)
		}
		if err := unhidden(e, name); err != nil && !f.project {
			return nil, err
		}
		b = &hclfile.Builder{Name: name}
	}
	return b, nil
}

func (f *createFlags) path(e *machine.Machine) string {
	if !f.project {
		return builders.UserPath(e.Getenv)
	}
	return projectBuilders()
}

// projectBuilders is the project's file, or where it would be.
func projectBuilders() string {
	dir, _ := os.Getwd()
	if path := builders.ProjectPath(dir); path != "" {
		return path
	}
	return filepath.Join(dir, hclfile.Name)
}

// nodes are the daemons at addresses, without names. Their files are written
// with whole paths, as the command may run in any folder.
func (f *createFlags) nodes(addresses []string) ([]hclfile.Node, error) {
	tls := hclfile.TLS{ServerName: f.tls.ServerName}
	for _, file := range []struct{ from, to *string }{{&f.tls.CACert, &tls.CA}, {&f.tls.Cert, &tls.Cert}, {&f.tls.Key, &tls.Key}} {
		if *file.from == "" {
			continue
		}
		abs, err := filepath.Abs(*file.from)
		if err != nil {
			return nil, err
		}
		if _, err := os.Stat(abs); err != nil {
			return nil, fmt.Errorf("reading a certificate: %w", err)
		}
		*file.to = filepath.ToSlash(abs)
	}
	var out []hclfile.Node
	for _, a := range addresses {
		out = append(out, hclfile.Node{Address: a, Platforms: f.platforms, Weight: f.weight, Limit: f.limit, TLS: tls})
	}
	return out, nil
}

func newBuilderRmCommand(e *machine.Machine) *cobra.Command {
	var project bool
	cmd := &cobra.Command{
		Use:   "rm NAME...",
		Short: "Forget builders of builders.hcl",
		Long:  "Forget builders of builders.hcl. The daemons and what they keep stay as they are.",
		Example: `  orch builder rm ci
  orch builder rm --project ci`,
		Args:              numberOfArgs(1, 1000, "the names of builders"),
		ValidArgsFunction: machine.CompleteOwnBuilders(builders.UserPath, projectBuilders),
		RunE: func(_ *cobra.Command, args []string) error {
			path := builders.UserPath(e.Getenv)
			if project {
				path = projectBuilders()
			}
			return removeBuilders(e, path, args)
		},
	}
	cmd.Flags().BoolVar(&project, "project", false, "those of the project's builders.hcl, not of your own")
	return cmd
}

func removeBuilders(e *machine.Machine, path string, names []string) error {
	src, err := readBuilders(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading builders: %w", err)
	}
	file, diags := hclfile.Parse(src, path)
	if diags.HasErrors() {
		return diags
	}
	for _, name := range names {
		if file.Builder(name) != nil {
			continue
		}
		if b, err := e.Catalog().Find(name); err == nil {
			return usage.Errorf("builder %q is not in %s, but from %s, which orch does not write", name, path, b.Origin)
		}
		return usage.Errorf("there is no builder %q in %s", name, path)
	}
	return editBuilders(e, path, func(src []byte, path string) (out []byte, diags hcl.Diagnostics) {
		out = src
		for _, name := range names {
			if out, diags = hclfile.Remove(out, path, name); diags.HasErrors() {
				return nil, diags
			}
		}
		return out, nil
	})
}

// numberOfArgs wants from min to max arguments.
func numberOfArgs(min, max int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < min || len(args) > max {
			return usage.Errorf("%s takes %s, got %s\nSee '%s --help'.", cmd.CommandPath(), what, termtext.Count(len(args), "argument"), cmd.CommandPath())
		}
		return nil
	}
}
