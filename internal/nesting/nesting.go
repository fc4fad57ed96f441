// Package nesting finds HCL and JSON that is nested too deeply to be parsed: the
// parsers and the evaluation call themselves once for each bracket and operator, and
// Go ends a process whose stack has become too large. It does not parse.
package nesting

import (
	"fmt"
	"strconv"
	"unicode"
)

const (
	// Max is how deep brackets may be nested.
	Max = 500
	// maxOperators is how many operators one expression may have.
	maxOperators = 200_000
)

// Place is where a text is nested too deeply; lines and columns begin with 1.
type Place struct{ Line, Column, Byte int }

// Message says what is wrong at such a place.
func Message() string {
	return fmt.Sprintf("The brackets up to here are nested more than %d deep, or the expression has more than %d operators.", Max, maxOperators)
}

// TooDeep returns the place up to which a text is nested as deep as may be.
func TooDeep(src []byte) (Place, bool) {
	depth, operators, line, lineStart := 0, 0, 1, 0
	for i, c := range src {
		if c == '\\' {
			c = escaped(src[i:])
		}
		switch c {
		case '(', '[', '{':
			depth++
			operators++
		case ')', ']', '}':
			depth = max(0, depth-1)
		case '\n':
			line, lineStart = line+1, i+1
		case '!', '-', '?', '+', '*', '/', '%', '&', '|', '<', '>', '.':
			operators++
		case '=':
			operators = 0
		}
		if depth > Max || operators > maxOperators {
			return Place{Line: line, Column: i - lineStart + 1, Byte: i}, true
		}
	}
	return Place{}, false
}

// escaped returns the character that an escape such as \u0028 stands for, as
// far as it is one that matters here: JSON can write the brackets of a template
// so.
func escaped(src []byte) byte {
	if len(src) < 6 || src[1] != 'u' {
		return src[0]
	}
	code, err := strconv.ParseUint(string(src[2:6]), 16, 16)
	if err != nil || code > unicode.MaxASCII {
		return src[0]
	}
	return byte(code)
}
