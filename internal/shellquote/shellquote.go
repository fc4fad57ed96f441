// Package shellquote writes words as a POSIX shell reads them. It runs nothing.
package shellquote

import "strings"

// plain are the characters that need no quotes.
const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+,./:@%"

// Word writes one word.
func Word(s string) string {
	if s != "" && strings.Trim(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// Command writes the call of a program with arguments.
func Command(program string, args ...string) string {
	out := []string{Word(program)}
	for _, a := range args {
		out = append(out, Word(a))
	}
	return strings.Join(out, " ")
}

// InText writes a command as a part of a sentence: in quotes that it has none of, so
// that the command can be told from what is around it.
func InText(command string) string {
	if strings.ContainsAny(command, `'"`) {
		return "`" + command + "`"
	}
	return "'" + command + "'"
}
