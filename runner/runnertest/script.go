package runnertest

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Load reads the script in a file.
func Load(path string) (*Solver, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading script: %w", err)
	}
	s, err := Parse(string(data))
	if err != nil {
		return nil, fmt.Errorf("%s:%w", path, err)
	}
	return s, nil
}

// Parse returns a solver that plays a script. An error begins with the number
// of the line.
func Parse(script string) (*Solver, error) {
	s := &Solver{name: "fake", scripts: map[string][][]line{}, attempts: map[string]int{}}
	target := ""
	for i, text := range strings.Split(script, "\n") {
		l, err := parseLine(text)
		if err == nil && l.word != "" {
			l.number = i + 1
			if l.word == "target" {
				target = l.arg(0)
				s.scripts[target] = append(s.scripts[target], nil)
			} else if err = l.check(); err == nil {
				s.add(target, l)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("%d: %w", i+1, err)
		}
	}
	return s, nil
}

// add adds a line to the section that it is in.
func (s *Solver) add(target string, l line) {
	switch {
	case l.word == "builder":
		s.name = l.arg(0)
	case slices.Contains(sessionWords, l.word):
		s.session = append(s.session, l)
	default:
		attempts := s.scripts[target]
		if len(attempts) == 0 {
			attempts = [][]line{nil}
		}
		attempts[len(attempts)-1] = append(attempts[len(attempts)-1], l)
		s.scripts[target] = attempts
	}
}

// line is one line of a script.
type line struct {
	number int
	word   string
	args   []string
	keys   map[string]string
}

// sessionWords begin the lines that are about a session as a whole.
var sessionWords = []string{"open", "close", "changed"}

// words are the words that begin a line, with the number of their arguments.
var words = map[string]int{
	"builder": 1, "open": 1, "close": 1, "changed": 2,
	"step": 1, "|": 1, "done": 0, "cached": 0, "evaluated": 0, "error": 1, "warning": 1, "wait": 1, "fail": 1,
	"digest": 1, "size": 1, "output": 2, "tag": 2, "test": 1,
}

// flags are the keys that have no value.
var flags = []string{"read", "required", "absent", "transient", "lost", "disk-full"}

func parseLine(text string) (line, error) {
	text = strings.TrimSpace(text)
	if printed, ok := strings.CutPrefix(text, "|"); ok {
		return line{word: "|", args: []string{strings.TrimPrefix(printed, " ")}}, nil
	}
	fields, err := split(text)
	if err != nil || len(fields) == 0 {
		return line{}, err
	}
	l := line{word: fields[0].text, keys: map[string]string{}}
	for _, f := range fields[1:] {
		switch {
		case f.key != "":
			l.keys[f.key] = f.text
		case !f.quoted && slices.Contains(flags, f.text):
			l.keys[f.text] = "true"
		default:
			l.args = append(l.args, f.text)
		}
	}
	return l, nil
}

// check says what is wrong with a line that is not the beginning of a section.
func (l line) check() error {
	n, ok := words[l.word]
	if !ok {
		return fmt.Errorf("unknown word %q", l.word)
	}
	if len(l.args) != n {
		return fmt.Errorf("%s has %d arguments, want %d", l.word, len(l.args), n)
	}
	for _, key := range []string{"took", "after"} {
		if v := l.keys[key]; v != "" {
			if _, err := time.ParseDuration(v); err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
		}
	}
	if l.word == "wait" {
		_, err := time.ParseDuration(l.args[0])
		return err
	}
	return nil
}

func (l line) arg(i int) string {
	if i < len(l.args) {
		return l.args[i]
	}
	return ""
}

func (l line) is(flag string) bool { return l.keys[flag] == "true" }

// duration is a time that was checked before.
func (l line) duration(key string) time.Duration {
	d, _ := time.ParseDuration(l.keys[key])
	return d
}

func number(text string) int64 {
	n, _ := strconv.ParseInt(text, 10, 64)
	return n
}

// field is one word of a line, or a key with a value.
type field struct {
	key, text string
	quoted    bool
}

// split takes a line apart at its blanks.
func split(text string) ([]field, error) {
	var out []field
	for {
		text = strings.TrimLeft(text, " \t")
		if text == "" || text[0] == '#' {
			return out, nil
		}
		var f field
		if end := strings.IndexAny(text, " \t\"="); end > 0 && text[end] == '=' {
			f.key, text = text[:end], text[end+1:]
		}
		if strings.HasPrefix(text, `"`) {
			quoted, err := strconv.QuotedPrefix(text)
			if err != nil {
				return nil, fmt.Errorf("the quoted text is not closed: %s", text)
			}
			f.text, _ = strconv.Unquote(quoted)
			f.quoted, text = true, text[len(quoted):]
		} else {
			end := strings.IndexAny(text, " \t")
			if end < 0 {
				end = len(text)
			}
			f.text, text = text[:end], text[end:]
		}
		out = append(out, f)
	}
}
