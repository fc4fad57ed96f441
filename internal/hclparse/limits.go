package hclparse

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode"

	"github.com/hashicorp/hcl/v2"
)

const (
	// MaxDepth is how deep brackets may be nested: the parsers and the evaluation call
	// themselves once for each bracket and operator, and Go ends a process whose stack has
	// become too large.
	MaxDepth = 500
	// maxOperators is how many operators one expression may have.
	maxOperators = 200_000
	// maxPieces is how many lines and escaped "${" one text may have, or several whose
	// squares are as much together. HCL joins them one by one, and moves all others each
	// time: 20,000 take a second or two, and 100,000 a minute.
	maxPieces = 20_000
)

// Limits returns what is wrong with HCL or JSON that cannot be parsed in reasonable time,
// or on a stack of reasonable size. It does not parse; nil is a text that can be parsed.
func Limits(src []byte, filename string) *hcl.Diagnostic {
	pos, summary, detail := tooDeep(src)
	if summary == "" {
		pos, summary, detail = tooLong(src)
	}
	if summary == "" {
		return nil
	}
	return &hcl.Diagnostic{
		Severity: hcl.DiagError, Summary: summary, Detail: detail,
		Subject: &hcl.Range{Filename: filename, Start: pos, End: pos},
	}
}

// tooDeep finds the place up to which a text is nested as deep as may be. Without a
// summary there is none.
func tooDeep(src []byte) (pos hcl.Pos, summary, detail string) {
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
		if depth > MaxDepth || operators > maxOperators {
			return hcl.Pos{Line: line, Column: i - lineStart + 1, Byte: i}, "Nested too deeply",
				fmt.Sprintf("The brackets up to here are nested more than %d deep, or the expression has more than %d operators.", MaxDepth, maxOperators)
		}
	}
	return hcl.Pos{}, "", ""
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

// tooLong finds the place of the text with which texts are too long to be joined.
func tooLong(src []byte) (pos hcl.Pos, summary, detail string) {
	var cost int
	enough := func(pieces int) bool {
		cost += pieces * pieces
		return pieces > 1 && cost > maxPieces*maxPieces
	}
	json := bytes.HasPrefix(bytes.TrimSpace(src), []byte("{"))
	// Texts over several lines that may have begun, by the word that ends them: a comment
	// can look like one, and a text in a text too.
	type begun struct {
		pos    hcl.Pos
		pieces int // before it
	}
	open := map[string]begun{}
	pieces, at, number := 0, 0, 0
	for text := range bytes.Lines(src) {
		number++
		here := hcl.Pos{Line: number, Column: 1, Byte: at}
		at += len(text)
		line := bytes.TrimSpace(text)
		n := escapes(line)
		if json {
			n = linesOfJSON(line)
		}
		over := enough(n)
		if from, ok := open[string(line)]; ok {
			delete(open, string(line))
			if enough(pieces - from.pieces) {
				here, over = from.pos, true
			}
		}
		pieces += n + 1
		if word := opens(line); word != "" {
			if _, ok := open[word]; !ok {
				open[word] = begun{here, pieces}
			}
		}
		if over {
			return here, "Text too long", fmt.Sprintf(`A text may have %d lines, and as many "$${". A longer one belongs into a file of its own, such as a Dockerfile.`, maxPieces)
		}
	}
	return hcl.Pos{}, "", ""
}

// opens returns the word that ends the text over several lines which a line may begin.
func opens(line []byte) string {
	at := bytes.LastIndex(line, []byte("<<"))
	if at < 0 {
		return ""
	}
	word := bytes.TrimPrefix(line[at+2:], []byte("-"))
	if bytes.ContainsAny(word, " \t\"'(){}[],:=") {
		return ""
	}
	return string(word)
}

// escapes counts what divides a text in its line.
func escapes(line []byte) int {
	return bytes.Count(line, []byte("$${")) + bytes.Count(line, []byte("%%{"))
}

// linesOfJSON returns how many pieces the longest string has in a line of JSON.
func linesOfJSON(line []byte) int {
	most, here := 0, 0
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '"':
			here = 0
		case c == '\\' && i+1 < len(line):
			if line[i+1] == 'n' || escaped(line[i:]) == '\n' {
				here++
			}
			i++
		case c == '{' && i > 1 && (line[i-1] == '$' || line[i-1] == '%') && line[i-2] == line[i-1]:
			here++
		}
		most = max(most, here)
	}
	return most
}
