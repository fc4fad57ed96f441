package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
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

// Handled prints what was done with unfinished publications, and returns what
// went wrong with them. where says where their tags are now; "" that they were
// forgotten.
func Handled(w io.Writer, all []publish.Handled, where string) error {
	if len(all) == 0 {
		fmt.Fprintln(w, "Nothing was unfinished.")
		return nil
	}
	var failed error
	for _, h := range all {
		switch {
		case h.Err != nil:
			failed = errors.Join(failed, fmt.Errorf("%s: %w", h.ID, h.Err))
		case where == "":
			fmt.Fprintf(w, "%s: forgotten.\n", h.ID)
		default:
			fmt.Fprintf(w, "%s: %s.\n", h.ID, tagsAre(h.Tags, where))
		}
		if len(h.Left) > 0 {
			fmt.Fprintf(w, "  left alone, because somebody else has moved them since: %s\n", strings.Join(h.Left, ", "))
		}
	}
	return failed
}

func tagsAre(n int, where string) string {
	if n == 1 && where == "at their new images" {
		return "1 tag is at its new image"
	}
	if n == 1 {
		return "1 tag is where it was"
	}
	return fmt.Sprintf("%d tags are %s", n, where)
}
