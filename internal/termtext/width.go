package termtext

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
)

// widths counts columns as terminals do whatever the locale of this process.
var widths = func() *runewidth.Condition {
	c := runewidth.NewCondition()
	c.EastAsianWidth = false
	return c
}()

// Width is how many columns a text takes: a Chinese character takes two, an
// accent of its own none. Sequences that choose colours take none either.
func Width(s string) int {
	if strings.ContainsAny(s, "\x1b") {
		var f Filter
		s = string(f.End(f.Append(nil, []byte(s))))
	}
	return widths.StringWidth(s)
}

// Clip cuts a text to so many columns; its beginning says most.
func Clip(s string, width int) string {
	if Width(s) <= width {
		return s
	}
	return widths.Truncate(s, max(width, 1), "…")
}

// ClipFront cuts a text to so many columns; its end says most.
func ClipFront(s string, width int) string {
	if Width(s) <= width {
		return s
	}
	for s != "" && Width(s) > width-1 {
		_, size := utf8.DecodeRuneInString(s)
		s = s[size:]
	}
	return "…" + s
}

// Pad fills a text up to so many columns.
func Pad(s string, width int) string { return s + strings.Repeat(" ", max(0, width-Width(s))) }

// Wrap breaks each line of a text at blanks, so that it has at most so many
// columns where that can be; 0 is any number. Further lines begin with indent.
func Wrap(s string, width int, indent string) string {
	if width <= 0 {
		return s
	}
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = wrapLine(line, width, indent)
	}
	return strings.Join(lines, "\n")
}

func wrapLine(line string, width int, indent string) string {
	if Width(line) <= width {
		return line
	}
	var b strings.Builder
	at, words := 0, 0
	for rest := line; rest != ""; words++ {
		word := strings.TrimLeft(rest, " ")
		blanks := len(rest) - len(word)
		if end := strings.IndexByte(word, ' '); end >= 0 {
			word = word[:end]
		}
		rest = rest[blanks+len(word):]
		if word == "" {
			break
		}
		if n := blanks + Width(word); words == 0 || at+n <= width {
			b.WriteString(strings.Repeat(" ", blanks))
			at += n
		} else {
			b.WriteString("\n" + indent)
			at = Width(indent) + Width(word)
		}
		b.WriteString(word)
	}
	return b.String()
}

// MaxSource is how much of a line of a source is shown, in characters.
const MaxSource = 200

// Cut cuts a line of a source around a place, given as the number of characters
// before it, and returns where in the cut line that place is. A long line may
// be a whole file that someone has packed.
func Cut(line string, place int) (cut string, at int) {
	if utf8.RuneCountInString(line) <= MaxSource {
		return line, place
	}
	runes := []rune(line)
	place = min(max(place, 0), len(runes))
	from := min(max(0, place-MaxSource/2), len(runes)-MaxSource)
	to := from + MaxSource
	cut, at = string(runes[from:to]), place-from
	if from > 0 {
		cut, at = "…"+cut, at+1
	}
	if to < len(runes) {
		cut += "…"
	}
	return cut, at
}

// Count says how many there are of something.
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// Seconds writes a short duration exactly, and a long one as people say it.
func Seconds(d time.Duration) string {
	if d < 10*time.Second {
		return strconv.FormatFloat(d.Seconds(), 'f', 2, 64) + "s"
	}
	return d.Round(100 * time.Millisecond).String()
}

// MaxMessage is how much of a message is shown, in characters: it may quote a
// label or a heredoc of many megabytes.
const MaxMessage = 2000

// Brief cuts a text to so many characters, and says so.
func Brief(s string, most int) string {
	if len(s) <= most || utf8.RuneCountInString(s) <= most {
		return s
	}
	at := 0
	for i := range s {
		if at++; at > most {
			return fmt.Sprintf("%s… (%s more)", s[:i], Count(len(s)-i, "byte"))
		}
	}
	return s
}
