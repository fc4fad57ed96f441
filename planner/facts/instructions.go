package facts

import (
	"bytes"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/orch-build/orch/planner"
)

// instructions are those of the stages that a build reaches, with the directives
// of its Dockerfile.
func (t *taking) instructions(b *planner.Build) []Instruction {
	r := b.Reduced()
	if r == nil {
		out, _ := t.parse(b.Dockerfile.Data)
		return out
	}
	if all, ok := t.whole(b.Dockerfile); ok && !r.Filled {
		var out []Instruction
		for _, n := range r.Lines {
			if i, ok := slices.BinarySearchFunc(all, n, func(in Instruction, n int) int { return in.Line - n }); ok {
				out = append(out, all[i])
			}
		}
		return out
	}
	out, _ := t.parse(r.Data)
	for i := range out {
		out[i].Line, out[i].End = r.Line(out[i].Line), r.Line(out[i].End)
	}
	return out
}

// whole are the instructions of a Dockerfile, which many targets may have.
func (t *taking) whole(d *planner.Dockerfile) (all []Instruction, ok bool) {
	p, known := t.parsed[d]
	if !known {
		p.all, p.ok = t.parse(d.Data)
		t.parsed[d] = p
	}
	return p.all, p.ok
}

type parsed struct {
	all []Instruction
	ok  bool
}

// parse reads instructions and directives; ok is false if only the directives are good.
func (t *taking) parse(data []byte) (out []Instruction, ok bool) {
	add := func(first, last int, text string) {
		out = append(out, Instruction{Line: first, End: last, Text: short(t.mask(text)), Sum: sum(text)})
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
		return out, false
	}
	for _, n := range res.AST.Children {
		word, rest, _ := strings.Cut(strings.TrimSpace(n.Original), " ")
		text := strings.ToUpper(word) + " " + strings.TrimSpace(rest)
		for _, h := range n.Heredocs {
			text += "\n" + h.Content
		}
		add(n.StartLine, max(n.EndLine, n.StartLine), text)
	}
	return out, true
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
