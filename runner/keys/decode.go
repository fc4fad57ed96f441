package keys

import (
	"strings"
	"unicode/utf8"
)

// Key is a key: a character, or one of the names below.
type Key string

// Keys that are no characters.
const (
	Up        Key = "up"
	Down      Key = "down"
	Left      Key = "left"
	Right     Key = "right"
	PageUp    Key = "page up"
	PageDown  Key = "page down"
	Home      Key = "home"
	End       Key = "end"
	Enter     Key = "enter"
	Escape    Key = "escape"
	Tab       Key = "tab"
	Backspace Key = "backspace"
	Delete    Key = "delete"
)

// Text is the character of a key, or "" of one that is none.
func (k Key) Text() string {
	if r, size := utf8.DecodeRuneInString(string(k)); size == len(k) && r >= ' ' && r != 0x7f {
		return string(k)
	}
	return ""
}

// maxSequence bounds a sequence of which the end has not come.
const maxSequence = 32

// sequences are the keys by what is between the beginning of a sequence and its
// end, without modifiers.
var sequences = map[string]Key{
	"A": Up, "B": Down, "C": Right, "D": Left, "H": Home, "F": End,
	"1~": Home, "7~": Home, "4~": End, "8~": End, "3~": Delete, "5~": PageUp, "6~": PageDown,
}

// pause says whether nothing has come for a while, so that what has come is all.
type pause bool

// decode takes the first key off what a terminal has sent. What is not a key is taken
// off too, as "". It takes nothing off the beginning of a character or a sequence,
// unless no more has come for a while.
func decode(in []byte, idle pause) (key Key, n int) {
	switch c := in[0]; {
	case c == 0x1b:
		return decodeEscape(in, idle)
	case c == '\r', c == '\n':
		return Enter, 1
	case c == '\t':
		return Tab, 1
	case c == 0x7f, c == 0x08:
		return Backspace, 1
	case c < ' ':
		return "", 1
	}
	if !utf8.FullRune(in) && !bool(idle) {
		return "", 0
	}
	r, size := utf8.DecodeRune(in)
	if r == utf8.RuneError {
		return "", size
	}
	return Key(in[:size]), size
}

// decodeEscape takes off the key Escape, or a sequence.
func decodeEscape(in []byte, idle pause) (Key, int) {
	switch {
	case len(in) == 1 && bool(idle):
		return Escape, 1
	case len(in) == 1:
		return "", 0
	case in[1] != '[' && in[1] != 'O':
		return Escape, 1
	}
	for i, c := range in[2:] {
		if c >= '@' && c <= '~' {
			return named(string(in[2 : 3+i])), 3 + i
		}
		if c < ' ' || c > '~' || i > maxSequence {
			return "", 2 + i
		}
	}
	if idle {
		return Escape, 1
	}
	return "", 0
}

// named is the key of a sequence; modifiers such as Shift make no difference.
func named(seq string) Key {
	end := len(seq) - 1
	first, _, _ := strings.Cut(seq[:end], ";")
	if seq[end] != '~' {
		first = ""
	}
	return sequences[first+seq[end:]]
}
