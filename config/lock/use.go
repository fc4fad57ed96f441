package lock

import "strings"

// Use is one of the lines that say what an entry is used by.
type Use struct {
	Target string
	// File is the Dockerfile or the definition that names the entry.
	File string
	// Definition is the definition of the target, where it has not the usual name:
	// several in one folder have one lock.
	Definition string
}

// String is the line.
func (u Use) String() string {
	text := u.Target + " (" + u.File + ")"
	if u.Definition != "" {
		text += inDefinition + u.Definition
	}
	return text
}

const inDefinition = " in "

// ParseUse reads a line.
func ParseUse(text string) Use {
	target, rest, _ := strings.Cut(text, " (")
	end := strings.LastIndex(rest, ")")
	if end < 0 {
		return Use{Target: target, File: rest}
	}
	definition, _ := strings.CutPrefix(rest[end+1:], inDefinition)
	return Use{Target: target, File: rest[:end], Definition: definition}
}
