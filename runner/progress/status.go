package progress

import (
	"fmt"
	"strings"
	"time"

	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/runner"
)

// status is the line that says how far a run is, how long it may still take, and
// what waits for what. What does not fit into the columns is left out, from its end.
func (b *board) status(took, left time.Duration, width int, hints ...string) string {
	line := "[+] " + shortTime(took) + "  " + b.far()
	if more := b.farStages(); termtext.Width(line+more) <= width {
		line += more
	}
	parts := []func(room int) string{
		func(int) string {
			if left < time.Second {
				return ""
			}
			return "about " + roughly(left) + " left"
		},
		b.waiting,
	}
	for _, h := range hints {
		parts = append(parts, func(int) string { return h })
	}
	const between = " · "
	for _, part := range parts {
		text := part(width - termtext.Width(line+between))
		if text != "" && termtext.Width(line+between+text) <= width {
			line += between + text
		}
	}
	return termtext.Clip(line, width)
}

// far says how many targets are done.
func (b *board) far() string {
	total := 0
	for _, n := range b.counts {
		total += n
	}
	if total == 0 {
		return "starting"
	}
	text := fmt.Sprintf("%d/%s", b.counts[runner.Done], termtext.Count(total, "target"))
	for _, s := range []struct {
		state runner.State
		word  string
	}{{runner.Failed, "failed"}, {runner.Blocked, "blocked"}, {runner.Canceled, "stopped"}} {
		if n := b.counts[s.state]; n > 0 {
			text += fmt.Sprintf(", %d %s", n, s.word)
		}
	}
	return text
}

// farStages goes on with how many stages are done.
func (b *board) farStages() string {
	if b.stages == 0 || b.counts == (runner.Counts{}) {
		return ""
	}
	return fmt.Sprintf(", %d/%s", len(b.done), termtext.Count(b.stages, "stage"))
}

// waiting names the targets that wait for a place or for others.
func (b *board) waiting(room int) string {
	if names := b.inState(runner.Ready); len(names) > 0 {
		return listed("waiting for a place: ", names, room)
	}
	first, names := "", []string{}
	for _, t := range b.targets {
		in := b.waitsFor(t)
		if t.state != runner.Waiting || len(in) == 0 || first != "" && in[0] != first {
			continue
		}
		first, names = in[0], append(names, t.name)
	}
	return listed("waiting for "+first+": ", names, room)
}

// listed is a list with a beginning, of as many names as there is room for; "" if
// that is none.
func listed(begin string, names []string, room int) string {
	for n := len(names); n > 0; n-- {
		text := begin + strings.Join(names[:n], ", ")
		if n < len(names) {
			text += fmt.Sprintf(" and %d more", len(names)-n)
		}
		if termtext.Width(text) <= room {
			return text
		}
	}
	return ""
}

// roughly is a time of which nobody knows the seconds.
func roughly(d time.Duration) string {
	switch {
	case d < 20*time.Second:
		return fmt.Sprintf("%ds", max(1, int(d.Round(time.Second).Seconds())))
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds", int(d.Round(5*time.Second).Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm", int(d.Round(time.Minute).Minutes()))
	}
	return fmt.Sprintf("%dh", int(d.Round(time.Hour).Hours()))
}

// clipWords cuts a text to so many columns, at the end of a word where that does not
// cost much.
func clipWords(s string, width int) string {
	if termtext.Width(s) <= width {
		return s
	}
	cut := termtext.Clip(s, width)
	text := strings.TrimSuffix(cut, "…")
	if at := strings.LastIndexByte(text, ' '); at > len(text)*2/3 && !strings.HasPrefix(s[len(text):], " ") {
		return text[:at] + " …"
	}
	return cut
}
