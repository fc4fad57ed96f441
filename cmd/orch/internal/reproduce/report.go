package reproduce

import (
	"errors"
	"fmt"
	"io"

	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/internal/imagediff"
	"github.com/orch-build/orch/internal/termtext"
)

// report is the result of a comparison.
type report struct {
	Targets []target `json:"targets"`
	// Kept is the folder that holds both images, or "".
	Kept string `json:"kept,omitempty"`
	// Error is why nothing could be compared, and Build which build it ended.
	Error string `json:"error,omitempty"`
	Build string `json:"build,omitempty"`
}

// target is a target that was built twice.
type target struct {
	Name string `json:"name"`
	imagediff.Result
}

// mostGroups is how many kinds of difference are shown of a target.
const mostGroups = 10

// errDifferent ends a command whose targets are not all equal.
var errDifferent = errors.New("the two builds are different")

// print prints the result, and says how to exit.
func (r *report) print(e *planning.Session, form cli.Form) error {
	different := 0
	for i := range r.Targets {
		if !r.Targets[i].Equal {
			different++
		}
	}
	if form == cli.JSON {
		if err := termtext.PrintJSON(e.Stdout, r); err != nil {
			return err
		}
	} else {
		for i := range r.Targets {
			r.Targets[i].print(e.Stdout)
		}
		if r.Kept != "" {
			fmt.Fprintf(e.Stdout, "Both images are in %s.\n", r.Kept)
		}
	}
	if different > 0 {
		return &cli.Failure{Code: cli.ExitFailed, Err: errDifferent}
	}
	return nil
}

// print prints what was found of a target: of each kind of difference the first.
func (t *target) print(w io.Writer) {
	if t.Equal {
		fmt.Fprintf(w, "%s: equal, %s\n", t.Name, t.Digests[0])
		return
	}
	fmt.Fprintf(w, "%s: different, %s and %s\n", t.Name, t.Digests[0], t.Digests[1])
	groups, last := t.Groups(), ""
	for i, g := range groups {
		if i == mostGroups {
			fmt.Fprintf(w, "  and %s; --json has them all\n", termtext.Count(len(groups)-i, "other kind"))
			break
		}
		d := &g.First
		where := d.Place()
		if d.Step != "" {
			where += " (" + d.Step + ")"
		}
		if where != last {
			fmt.Fprintf(w, "  %s\n", where)
			last = where
		}
		fmt.Fprintf(w, "    %s\n", d.What())
		if d.Reason != "" {
			fmt.Fprintf(w, "      %s\n", d.Reason)
		}
		if d.Advice != "" {
			fmt.Fprintf(w, "      what helps: %s\n", d.Advice)
		}
		if g.Also > 0 {
			fmt.Fprintf(w, "      and so %s\n", termtext.Count(g.Also, "other"))
		}
	}
	if t.More > 0 {
		fmt.Fprintf(w, "  %s more\n", termtext.Count(t.More, "difference"))
	}
}
