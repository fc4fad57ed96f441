package facts

import (
	"bytes"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/orch-build/orch/planner"
)

// instructions are those of the stages that a build reaches, with the directives
// of its Dockerfile.
func (t *taking) instructions(b *planner.Build) []Instruction {
	data, line := b.Dockerfile.Data, func(n int) int { return n }
	if r := b.Reduced(); r != nil {
		data, line = r.Data, r.Line
	}
	var out []Instruction
	add := func(first, last int, text string) {
		out = append(out, Instruction{Line: line(first), End: line(last), Text: short(t.mask(text)), Sum: sum(text)})
	}
	for i, l := range strings.Split(string(data), "\n") {
		name, value, ok := directive(l)
		if !ok {
			break
		}
		add(i+1, i+1, "# "+name+"="+value)
	}
	res, err := parser.Parse(bytes.NewReader(data))
	if err != nil {
		return out
	}
	for _, n := range res.AST.Children {
		word, rest, _ := strings.Cut(strings.TrimSpace(n.Original), " ")
		text := strings.ToUpper(word) + " " + strings.TrimSpace(rest)
		for _, h := range n.Heredocs {
			text += "\n" + h.Content
		}
		add(n.StartLine, max(n.EndLine, n.StartLine), text)
	}
	return out
}

// directive reads a line such as "# syntax=docker/dockerfile:1".
func directive(line string) (name, value string, ok bool) {
	text, ok := strings.CutPrefix(strings.TrimSpace(line), "#")
	if !ok {
		return "", "", false
	}
	name, value, ok = strings.Cut(text, "=")
	name = strings.ToLower(strings.TrimSpace(name))
	return name, strings.TrimSpace(value), ok && (name == "syntax" || name == "escape" || name == "check")
}
