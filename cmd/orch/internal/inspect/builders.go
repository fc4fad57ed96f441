package inspect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/cmd/orch/internal/site"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/output"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/runner/builders"
	"github.com/orch-build/orch/runner/builders/address"
)

// Builders ask who builds what.
type Builders struct {
	names []string
	asked bool
	// unknown are the arguments after the flag that are not builders.
	unknown []*builders.UnknownError
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
		if at < 0 {
			continue
		}
		if err := unknown(e, name); err != nil {
			f.unknown = append(f.unknown, err)
			continue
		}
		args = slices.Delete(slices.Clone(args), at, at+1)
		f.names = append(f.names, name)
	}
	f.names = slices.DeleteFunc(f.names, func(name string) bool { return name == chosenBuilders })
	load.Builder.Name(f.names...)
	load.Builder.Order(func(a, b string) int { return place(e.Args, a) - place(e.Args, b) })
	return args
}

// place is where a builder is named on the command line: the first builder is that
// of a run with the same flags.
func place(args []string, name string) int {
	for i, arg := range args {
		if flag, value, ok := strings.Cut(arg, "="); ok && value == name && (flag == "--builder" || flag == "--builders") {
			return i
		}
		if arg == name && i > 0 && (args[i-1] == "--builder" || args[i-1] == "--builders") {
			return i
		}
	}
	return len(args)
}

// unknown says that there is no builder of a name; nil if there is, even if it
// cannot be used.
func unknown(e *planning.Session, name string) *builders.UnknownError {
	if address.Is(name) {
		return nil
	}
	_, err := e.Catalog().Find(name)
	var none *builders.UnknownError
	errors.As(err, &none)
	return none
}

// explain says of a name that follows the flag, and is that of no target either,
// that there is no such builder. text is what is wrong in the definition; nil if
// that is something else.
func (f *Builders) explain(text string) error {
	for _, none := range f.unknown {
		if strings.Contains(text, fmt.Sprintf("There is no target %q", none.Name)) {
			none.From = "--builders, and no target has that name"
			return usage.Wrap(none)
		}
	}
	return nil
}

// Check refuses what the answer has no room for. flags are those of the command.
func (f *Builders) Check(flags *pflag.FlagSet) error {
	if !flags.Changed("builders") {
		return nil
	}
	for _, name := range []string{"files", "digests", "resolve", "shards"} {
		if flags.Changed(name) {
			return usage.Errorf("--%s and --builders contradict each other", name)
		}
	}
	return nil
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
