package affected

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Formats are the forms in which targets are printed, as --format names them.
var Formats = []string{"text", "names", "json", "github", "gitlab", "matrix"}

type document struct {
	Version int      `json:"version"`
	Base    string   `json:"base,omitempty"`
	Head    string   `json:"head"`
	Targets []Target `json:"targets"`
}

// Write prints targets. Gone ones cannot be built: only text and JSON have them.
func Write(w io.Writer, format, base, head string, list []Target) error {
	var err error
	switch format {
	case "json":
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(document{1, base, head, append([]Target{}, list...)})
	case "names":
		for _, name := range Names(list) {
			if _, err = fmt.Fprintln(w, name); err != nil {
				return err
			}
		}
	case "github":
		names, err := json.Marshal(Names(list))
		if err != nil {
			return err
		}
		m, err := matrix(list)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "count=%d\ntargets=%s\nmatrix=%s\n", len(Names(list)), names, m)
		return err
	case "gitlab":
		_, err = fmt.Fprintf(w, "ORCH_AFFECTED_COUNT=%d\nORCH_AFFECTED=%s\n", len(Names(list)), strings.Join(Names(list), " "))
	case "matrix":
		m, err := matrix(list)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "%s\n", m)
		return err
	default:
		return text(w, list)
	}
	return err
}

// Names are the targets that can be built.
func Names(list []Target) []string {
	out := []string{}
	for _, t := range list {
		if t.Change != "gone" {
			out = append(out, t.Name)
		}
	}
	return out
}

func matrix(list []Target) ([]byte, error) {
	type row struct {
		Target string `json:"target"`
	}
	m := struct {
		Include []row `json:"include"`
	}{[]row{}}
	for _, name := range Names(list) {
		m.Include = append(m.Include, row{name})
	}
	return json.Marshal(m)
}

func text(w io.Writer, list []Target) error {
	left, middle := 0, 0
	for _, t := range list {
		left, middle = max(left, len(t.Name)), max(middle, len(t.Change))
	}
	for _, t := range list {
		if _, err := fmt.Fprintf(w, "%-*s  %-*s  %s\n", left, t.Name, middle, t.Change, t.Reason); err != nil {
			return err
		}
	}
	return nil
}
