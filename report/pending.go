package report

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/orch-build/orch/runner/publish"
)

// PendingJSON prints unfinished publications as JSON.
func PendingJSON(w io.Writer, pending []publish.Pending) error {
	if pending == nil {
		pending = []publish.Pending{}
	}
	data, err := json.MarshalIndent(pending, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(w, string(data))
	return err
}

// Pending prints unfinished publications.
func Pending(w io.Writer, pending []publish.Pending) {
	if len(pending) == 0 {
		fmt.Fprintln(w, "Nothing is unfinished.")
		return
	}
	for i, p := range pending {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s: %s\n", p.ID, stateOf(p))
		if !p.Started.IsZero() {
			where := ""
			if p.Project != "" {
				where = ", by the run in " + p.Project
			}
			fmt.Fprintf(w, "  begun at %s%s\n", p.Started.Local().Format(time.DateTime), where)
		}
		fmt.Fprintf(w, "  in %s\n", p.Path)
		for _, m := range p.Moves {
			old := "nothing"
			if m.Old != "" {
				old = ShortDigest(m.Old)
			}
			fmt.Fprintf(w, "  %s: from %s to %s\n", m.Name, old, ShortDigest(m.New))
		}
	}
}

// stateOf says in a line how far a journal has come.
func stateOf(p publish.Pending) string {
	switch {
	case p.Unread != "":
		return "cannot be used: " + p.Unread
	case p.Busy:
		return "another process works on it"
	case p.Aside != "":
		return "set aside: " + p.Aside
	case p.Stage == publish.Moving:
		return "some tags may have moved"
	}
	return "no tag has moved"
}
