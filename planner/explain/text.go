package explain

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/orch-build/orch/internal/termtext"
)

// JSON writes an explanation for programs.
func (e *Explanation) JSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(e)
}

// Text writes an explanation for people; now is what times are counted from.
func (e *Explanation) Text(w io.Writer, now time.Time) error {
	var b bytes.Buffer
	for i, t := range e.Targets {
		if i > 0 {
			b.WriteByte('\n')
		}
		target(&b, t, now, tense(e.Checked))
	}
	e.checked(&b)
	_, err := w.Write(b.Bytes())
	return err
}

// tense says whether the run that is explained is over.
type tense bool

func target(b *bytes.Buffer, t *Target, now time.Time, over tense) {
	run, maybe := t.counts()
	switch {
	case t.Change == New && t.Against.Kind == "nothing":
		fmt.Fprintf(b, "%s: no earlier run here is known to compare with\n", t.Name)
	case t.Change == New:
		fmt.Fprintf(b, "%s: not in %s\n", t.Name, t.Against.text(now))
	case t.Change == Same && run+maybe > 0 && t.Against.Kind == "record":
		fmt.Fprintf(b, "%s: equal to %s; not all of its steps were run on this builder\n", t.Name, t.Against.text(now))
	case t.Change == Same && run+maybe > 0:
		fmt.Fprintf(b, "%s: equal to %s, but not all of its steps were run by then\n", t.Name, t.Against.text(now))
	case t.Change == Same:
		fmt.Fprintf(b, "%s: nothing has changed since %s\n", t.Name, t.Against.text(now))
	case t.Change == Published:
		fmt.Fprintf(b, "%s: the image is as in %s, but not what is published\n", t.Name, t.Against.text(now))
	default:
		fmt.Fprintf(b, "%s: differs from %s\n", t.Name, t.Against.text(now))
	}
	for _, c := range t.Causes {
		c.text(b, "  ", now)
	}
	for _, o := range t.Open {
		fmt.Fprintf(b, "  open: %s\n", o)
	}
	if len(t.With) > 0 {
		text := strings.Join(t.With, ", ")
		if t.WithMore > 0 {
			text += fmt.Sprintf(" and %d more", t.WithMore)
		}
		fmt.Fprintf(b, "  with it: %s\n", text)
	}
	t.steps(b, run, maybe, over)
	for _, a := range t.Advice {
		fmt.Fprintf(b, "  advice: %s\n", a.Text)
	}
}

func (t *Target) counts() (run, maybe int) {
	for _, s := range t.Steps {
		switch s.Will {
		case Run:
			run++
		case Maybe:
			maybe++
		}
	}
	return run, maybe
}

func (t *Target) steps(b *bytes.Buffer, run, maybe int, over tense) {
	if len(t.Steps) == 0 {
		return
	}
	if run+maybe == 0 {
		fmt.Fprintf(b, "  steps: %s\n", allCached(len(t.Steps)))
		return
	}
	verb, might := "will run", "may"
	if over {
		verb, might = "had to run", "might"
	}
	text := fmt.Sprintf("%d of %s %s", run, termtext.Count(len(t.Steps), "step"), verb)
	if maybe > 0 {
		text += fmt.Sprintf(", %d %s", maybe, might)
	}
	if t.Seconds > 0 {
		text += ", about " + duration(t.Seconds)
	}
	fmt.Fprintf(b, "  steps: %s\n", text)
	label := 0
	for _, s := range t.Steps {
		if s.Will != Cached {
			label = max(label, len(s.Label()))
		}
	}
	for _, s := range t.Steps {
		if s.Will == Cached {
			continue
		}
		took := ""
		if s.Timed {
			took = ", " + duration(s.Seconds)
		}
		fmt.Fprintf(b, "    %-5s  %-*s  %s (%s%s)\n", s.Will, label, s.Label(), brief(s.Text), s.Why, took)
	}
}

func allCached(n int) string {
	if n == 1 {
		return "the only one has its result already"
	}
	return fmt.Sprintf("all %d have their results already", n)
}

// text is what is compared with.
func (a Against) text(now time.Time) string {
	switch a.Kind {
	case "run":
		return fmt.Sprintf("run %s, %s", a.ID, ago(a.Time, now))
	case "ref":
		return a.ID
	case "record":
		return fmt.Sprintf("the record %s, %s", a.ID, ago(a.Time, now))
	}
	return "nothing"
}

func ago(t, now time.Time) string {
	d := now.Sub(t)
	switch {
	case d < time.Minute:
		return "just now"
	case d < 2*time.Minute:
		return "a minute ago"
	case d < 2*time.Hour:
		return fmt.Sprintf("%d minutes ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d hours ago", int(d.Hours()))
	}
	return fmt.Sprintf("%d days ago", int(d.Hours()/24))
}

func duration(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	if d < 10*time.Second {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

func brief(text string) string {
	const most = 70
	if r := []rune(text); len(r) > most {
		return string(r[:most]) + "…"
	}
	return text
}

// text writes a cause with what was before.
func (c *Cause) text(b *bytes.Buffer, indent string, now time.Time) {
	switch c.Kind {
	case File:
		fmt.Fprintf(b, "%sfile %s: %s\n", indent, c.Name, c.Stat)
		c.more(b, indent)
	case Ignore:
		fmt.Fprintf(b, "%s%s has changed%s%s\n", indent, c.Name, prefixed("; gone: ", c.Old), prefixed("; new: ", c.New))
	case Argument:
		fmt.Fprintf(b, "%sarg %s: %s → %s%s\n", indent, c.Name, c.Old, c.New, prefixed("  ", c.Place))
	case Instruction:
		fmt.Fprintf(b, "%sinstruction %s\n", indent, c.Place)
		if c.Old != "" {
			fmt.Fprintf(b, "%s  - %s\n", indent, c.Old)
		}
		if c.New != "" {
			fmt.Fprintf(b, "%s  + %s\n", indent, c.New)
		}
	case Image:
		fmt.Fprintf(b, "%sbase image %s has moved\n%s  - %s\n%s  + %s\n", indent, c.Name, indent, c.Old, indent, c.New)
	case Linked:
		fmt.Fprintf(b, "%starget %s, which it is built on\n", indent, c.Name)
		for _, o := range c.Causes {
			o.text(b, indent+"  ", now)
		}
	case Attribute:
		fmt.Fprintf(b, "%s%s: %s → %s%s\n", indent, c.Name, c.Old, c.New, prefixed("  ", c.Place))
	case Engine:
		fmt.Fprintf(b, "%sanother version of orch: %s → %s\n", indent, c.Old, c.New)
	default:
		fmt.Fprintf(b, "%s%s%s\n", indent, c.Name, prefixed("  ", c.Place))
	}
	if s := c.Since; s != nil && s.ID == "" {
		fmt.Fprintf(b, "%s  not committed\n", indent)
	} else if s != nil {
		fmt.Fprintf(b, "%s  since %s %q (%s, %s)\n", indent, s.ID[:min(len(s.ID), 9)], s.Subject, s.Author, ago(s.Time, now))
	}
}

func (c *Cause) more(b *bytes.Buffer, indent string) {
	const most = 5
	for i, name := range c.More {
		if i == most {
			fmt.Fprintf(b, "%s     and %d more\n", indent, len(c.More)-most)
			return
		}
		fmt.Fprintf(b, "%s     %s\n", indent, name)
	}
}

func prefixed(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}

// checked says which predictions did not come true.
func (e *Explanation) checked(b *bytes.Buffer) {
	if e.Checked && len(e.Wrong) == 0 {
		fmt.Fprintf(b, "Every step ran, or was cached, as predicted.\n")
	}
	faults := 0
	for _, w := range e.Wrong {
		if w.Why != "" {
			fmt.Fprintf(b, "%s: step %s was %s, not %s as predicted: %s\n", w.Target, w.Step, w.Was, w.Will, w.Why)
			continue
		}
		faults++
		fmt.Fprintf(b, "%s: step %s was %s, and orch had predicted %s\n", w.Target, w.Step, w.Was, w.Will)
	}
	if faults > 0 {
		fmt.Fprintf(b, "If the cache of the builder was not pruned in between, that is a fault of orch, not yours. Please report it with what this prints: orch explain --last --json\n")
	}
}

// Lines says why a target was built, in one line for each cause and each step
// that ran for it.
func (t *Target) Lines(now time.Time) []string {
	var b bytes.Buffer
	target(&b, t, now, true)
	var out []string
	for line := range strings.Lines(b.String()) {
		out = append(out, strings.TrimRight(line, "\n"))
	}
	return out
}
