package inspect

import (
	"bytes"
	"context"
	"slices"

	"github.com/spf13/pflag"

	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/cmd/orch/internal/site"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/output"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/runner/builders/address"
)

// Builders ask who builds what.
type Builders struct {
	names []string
	asked bool
}

// chosenBuilders is the value of --builders where none is written.
const chosenBuilders = "chosen"

// Register adds the flag.
func (f *Builders) Register(flags *pflag.FlagSet) {
	flags.StringArrayVar(&f.names, "builders", nil, "show who builds what, and why, on the builders that are chosen, or on `BUILDER`; may be repeated")
	flags.Lookup("builders").NoOptDefVal = chosenBuilders
}

// Open takes the builders that are named, also one that follows the flag as an
// argument of its own.
func (f *Builders) Open(e *planning.Session, load *planning.Flags, args []string) []string {
	f.asked = len(f.names) > 0
	for i, arg := range e.Args {
		if arg != "--builders" || i+1 == len(e.Args) {
			continue
		}
		name := e.Args[i+1]
		at := slices.Index(args, name)
		if at < 0 || !address.Is(name) && !known(e, name) {
			continue
		}
		args = slices.Delete(slices.Clone(args), at, at+1)
		f.names = append(f.names, name)
	}
	f.names = slices.DeleteFunc(f.names, func(name string) bool { return name == chosenBuilders })
	load.Builder.Name(f.names...)
	return args
}

func known(e *planning.Session, name string) bool {
	_, err := e.Catalog().Find(name)
	return err == nil
}

// print shows it as text or JSON, on standard output or in a file.
func (f *Builders) print(ctx context.Context, e *planning.Session, load *planning.Flags, cfg *config.Config, format, file string) error {
	if format != "text" && format != "json" {
		return usage.Errorf("--format %q is not one of text, json, which there are with --builders", format)
	}
	view, err := site.Placement(ctx, e, &load.Builder, cfg)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if format == "json" {
		err = termtext.PrintJSON(&out, view)
	} else {
		view.Write(&out)
	}
	if err != nil {
		return err
	}
	if file == "" || file == "-" {
		_, err = e.Stdout.Write(out.Bytes())
		return err
	}
	if err := output.WriteFile(file, out.Bytes(), 0o644); err != nil {
		return usage.Errorf("writing who builds what: %w", err)
	}
	return nil
}
