package inspect

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/orch-build/orch/cmd/orch/internal/compare"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/report/listing"
)

// Listable are the things that can be listed.
var Listable = []string{"targets", "groups", "variables"}

// List says what is listed of a definition.
type List struct {
	JSON bool
	// All lists templates too.
	All bool
	// Since are revisions: only targets that have changed since one of them.
	Since []string
}

// Print lists what the first of some arguments names; the others may be a URL.
func (l List) Print(ctx context.Context, e *planning.Session, load *planning.Flags, args []string) error {
	if len(args) == 0 {
		args = Listable[:1]
	}
	rest, err := load.Open(e, args[1:])
	if err != nil {
		return err
	}
	if len(rest) > 0 || !slices.Contains(Listable, args[0]) {
		return listUsage(args)
	}
	if len(l.Since) > 0 && args[0] != "targets" {
		return usage.Errorf("--affected goes with orch list targets")
	}
	d, err := load.Evaluate(ctx, e)
	if err != nil {
		return err
	}
	printer := listing.Printer{Out: e.Stdout, JSON: l.JSON}
	switch args[0] {
	case "targets":
		keep, err := l.targets(ctx, e, load, d)
		if err != nil {
			return err
		}
		return printer.Targets(d, keep)
	case "groups":
		return printer.Groups(d)
	default:
		return printer.Variables(d)
	}
}

// targets says which targets are listed: those that have changed since some
// revisions, if there are any.
func (l List) targets(ctx context.Context, e *planning.Session, load *planning.Flags, d *config.Definition) (func(config.ListedTarget) bool, error) {
	if len(l.Since) == 0 {
		return func(t config.ListedTarget) bool { return l.All || !t.Template }, nil
	}
	var names []string
	for _, t := range d.Targets() {
		if !t.Template {
			names = append(names, t.Name)
		}
	}
	changed, _, err := compare.Narrow(ctx, e, load, names, l.Since, compare.Published)
	return func(t config.ListedTarget) bool { return slices.Contains(changed, t.Name) }, err
}

// CheckList refuses more arguments than a list can have.
func CheckList(args []string) error {
	if len(args) > 3 {
		return listUsage(args)
	}
	return nil
}

func listUsage(args []string) error {
	text := "orch list takes one of " + strings.Join(Listable, ", ") + ", and perhaps a URL"
	if len(args) > 0 {
		text += fmt.Sprintf(", got %q", strings.Join(args, " "))
	}
	return usage.Errorf("%s", text)
}
