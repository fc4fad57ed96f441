package buildercmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/docker/go-units"
	"github.com/spf13/cobra"

	"github.com/orch-build/orch/cmd/orch/internal/machine"
	"github.com/orch-build/orch/internal/helptext"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/runner/buildkit/builder"
	"github.com/orch-build/orch/runner/embedded"
)

// storageFlags are common to the commands about a builder's cache.
type storageFlags struct {
	builder machine.BuilderFlags
	filters []string
	asJSON  bool
}

func (f *storageFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.filters, "filter", nil, "only records with `FIELD=VALUE` (id, type, description, until=24h); repeatable, all must hold")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print JSON")
	f.builder.Register(cmd)
}

// open reads the filters and connects to the builder.
func (f *storageFlags) open(ctx context.Context, e *machine.Machine) (*builder.Builder, embedded.StorageFilter, error) {
	filter, err := embedded.ParseStorageFilter(f.filters)
	if err != nil {
		return nil, filter, usage.Wrap(err)
	}
	b, err := f.builder.Connect(ctx, e)
	return b, filter, err
}

// prune removes cache of the chosen builder.
func (f *storageFlags) prune(ctx context.Context, e *machine.Machine, opt embedded.PruneOptions) (*embedded.Usage, error) {
	var freed *embedded.Usage
	once := func() error {
		b, filter, err := f.open(ctx, e)
		if err != nil {
			return err
		}
		defer b.Close()
		opt.StorageFilter = filter
		more, err := embedded.Prune(ctx, b.Client(), opt)
		if freed == nil {
			freed = more
		} else {
			freed.Add(more)
		}
		return err
	}
	local, err := f.builder.IsEmbedded(e)
	if err != nil {
		return nil, err
	}
	if !local {
		err := once()
		return freed, err
	}
	o, err := machine.EmbeddedOptions(e)
	if err != nil {
		return nil, err
	}
	err = embedded.PruneFull(ctx, o, once)
	return freed, err
}

func newBuilderDuCommand(e *machine.Machine) *cobra.Command {
	var flags storageFlags
	cmd := &cobra.Command{
		Use:   "du",
		Short: "Show what the builder keeps on disk",
		Example: `  orch builder du
  orch builder du --filter type=exec.cachemount
  orch builder du --json`,
		Args: helptext.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, filter, err := flags.open(cmd.Context(), e)
			if err != nil {
				return err
			}
			defer b.Close()
			usage, err := embedded.DiskUsage(cmd.Context(), b.Client(), filter)
			if err != nil {
				return err
			}
			if flags.asJSON {
				return termtext.PrintJSON(e.Stdout, usage)
			}
			if err := printRecords(e.Stdout, usage); err != nil {
				return err
			}
			_, err = fmt.Fprintf(e.Stdout, "%s, %s, of which %s can be freed\n",
				termtext.Count(len(usage.Records), "record"), size(usage.Total), size(usage.Reclaimable))
			return err
		},
	}
	flags.add(cmd)
	return cmd
}

func newBuilderPruneCommand(e *machine.Machine) *cobra.Command {
	var flags storageFlags
	var all bool
	var keep string
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Remove cache that no running build needs",
		Long: `Remove cache that no running build needs, and say how much space that freed.
The builder also does so by itself when its disk runs full or its cache grows
past its limit. On a disk that is full to the last byte it works too: the builder
sets some space aside for it.`,
		Example: `  orch builder prune
  orch builder prune --keep-storage 10gb
  orch builder prune --filter until=48h
  orch builder prune --all`,
		Args: helptext.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			keepBytes, err := parseSize(keep)
			if err != nil {
				return err
			}
			freed, err := flags.prune(cmd.Context(), e, embedded.PruneOptions{All: all, Keep: keepBytes})
			if err != nil {
				return err
			}
			if flags.asJSON {
				return termtext.PrintJSON(e.Stdout, freed)
			}
			if err := printRecords(e.Stdout, freed); err != nil {
				return err
			}
			_, err = fmt.Fprintf(e.Stdout, "%s removed, %s freed\n", termtext.Count(len(freed.Records), "record"), size(freed.Total))
			return err
		},
	}
	flags.add(cmd)
	cmd.Flags().BoolVarP(&all, "all", "a", false, "also what the builder keeps for itself, such as frontends")
	cmd.Flags().StringVar(&keep, "keep-storage", "", "how much may stay: a `SIZE` such as 10gb; the least recently used goes first")
	return cmd
}

func parseSize(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	n, err := units.FromHumanSize(s)
	if err != nil || n < 0 {
		return 0, usage.Wrap(errors.New("--keep-storage is " + s + ", which is not a size: write for example 500mb or 10gb"))
	}
	return n, nil
}

func size(n int64) string { return units.HumanSize(float64(n)) }

// printRecords writes a table of cache records, if there are any.
func printRecords(w io.Writer, u *embedded.Usage) error {
	if len(u.Records) == 0 {
		return nil
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "ID\tTYPE\tSIZE\tIN USE\tDESCRIPTION")
	for _, r := range u.Records {
		inUse := ""
		if r.InUse {
			inUse = "yes"
		}
		description := strings.ReplaceAll(r.Description, "\n", " ")
		if len(description) > 80 {
			description = strings.ToValidUTF8(description[:77], "") + "..."
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\n", r.ID, r.RecordType, size(r.Size), inUse, description)
	}
	return tw.Flush()
}
