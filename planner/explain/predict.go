package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/orch-build/orch/internal/lazyregexp"
	"github.com/orch-build/orch/planner/facts"
)

// fate is what will become of an operation.
type fate struct {
	will string
	why  string
	// anew is true of what is built on a folder, and so has no key that lasts.
	anew, open bool
	cause      *Cause
	step       *Step // nil if it is not a step of a Dockerfile
}

// predict adds the steps of a platform to a target.
func (c *comparing) predict(t *Target, before, after *facts.Target, p facts.Platform) {
	was := map[*facts.Step]*facts.Step{}
	if before != nil {
		for _, pair := range c.pairs(before, after) {
			was[pair.after] = pair.before
		}
	}
	fates := make([]fate, len(p.Steps))
	for i := range p.Steps {
		s := &p.Steps[i]
		f := &fates[i]
		*f = c.fate(s, fates)
		if s.Kind == "image" {
			f.cause = c.own(t, after, was[s], s) // for what is based on it
		}
		if f.will != Cached {
			c.reason(t, after, was[s], s, f, fates)
		}
		if s.Nth == 0 {
			continue
		}
		f.step = &Step{
			Stage: s.Stage, Nth: s.Nth, Of: s.Of, Platform: p.ID, Text: s.Text, Will: f.will, Why: f.why,
			Vertex: s.Vertex, Key: s.Key, Class: s.Class, Own: s.Own, Open: f.open, cause: f.cause,
		}
		if s.Instruction >= 0 {
			f.step.Place = fmt.Sprintf("%s:%d", after.Dockerfile, after.Instructions[s.Instruction].Line)
		}
		if took, ok := c.took(after, s); ok && f.will != Cached {
			f.step.Seconds, f.step.Timed = took, true
		}
		t.Steps = append(t.Steps, f.step)
	}
}

func (c *comparing) took(t *facts.Target, s *facts.Step) (float64, bool) {
	if c.known == nil {
		return 0, false
	}
	took, ok := c.known.Took(s.Key, s.Own, t.StepName(s))
	return took.Seconds(), ok
}

// fate says whether an operation runs; those below it have theirs.
func (c *comparing) fate(s *facts.Step, fates []fate) fate {
	f := fate{will: Cached, open: s.Loose, anew: s.Anew}
	below := Cached
	for _, in := range s.Inputs {
		b := fates[in.Step]
		f.open = f.open || b.open
		f.anew = f.anew || b.anew && !in.Content
		if b.will == Run && !in.Content || below == Cached {
			below = b.will
		}
	}
	switch {
	case s.Kind == "target":
		f.will = c.lookup(s)
	case s.Nth == 0: // the builder does not show it
		f.will = below
	case s.NoCache:
		f.will, f.why = Run, "no-cache"
	case f.anew:
		f.will, f.why = Run, "it is based on a folder of this machine, which the builder takes for new each time"
	default:
		if f.will = c.lookup(s); f.will == Cached && below != Cached {
			f.will = Maybe
		}
	}
	return f
}

func (c *comparing) lookup(s *facts.Step) string {
	switch {
	case c.known != nil && c.known.Has(s.Key):
		return Cached
	case c.known != nil && c.known.HasClass(s.Class):
		return Maybe
	}
	return Run
}

// reason finds for which cause an operation runs, and says it.
func (c *comparing) reason(t *Target, after *facts.Target, before, s *facts.Step, f *fate, fates []fate) {
	if f.why != "" {
		return
	}
	if f.cause = c.own(t, after, before, s); f.cause != nil {
		f.why = f.cause.Brief()
		if f.cause.Kind == File && before != nil {
			f.why = c.filesOf(before, s, f.cause)
		}
		return
	}
	for _, in := range s.Inputs {
		b := fates[in.Step]
		if b.will == Cached {
			continue
		}
		f.cause = b.cause
		switch {
		case b.step != nil && in.Content:
			f.why = "unless what " + b.step.Label() + " made is as before"
		case b.step != nil:
			f.why = "after " + b.step.Label()
		default:
			f.why = b.why
		}
		return
	}
	for _, in := range s.Inputs {
		if f.cause = fates[in.Step].cause; f.cause != nil {
			f.why = f.cause.Brief()
			return
		}
	}
	f.why = "the builder has not run it before"
}

// filesOf names the files, of those that differ, that an operation itself reads.
func (c *comparing) filesOf(before, s *facts.Step, all *Cause) string {
	d := &fileDiff{seen: map[string]bool{}}
	for _, r := range s.Reads {
		if q := readingLike(before, r); q != nil {
			d.compare(c.old.Selections[q.Selection], c.now.Selections[r.Selection], false)
		}
	}
	if own := d.cause(); own != nil {
		return own.Brief()
	}
	return all.Brief()
}

// own is the cause that an operation has by itself, or nil.
func (c *comparing) own(t *Target, after *facts.Target, before, s *facts.Step) *Cause {
	find := func(match func(*Cause) bool) *Cause {
		if i := slices.IndexFunc(t.Causes, match); i >= 0 {
			return t.Causes[i]
		}
		return nil
	}
	if s.Kind == "target" {
		return find(func(x *Cause) bool { return x.Kind == Linked && x.Name == s.Source })
	}
	if s.Kind == "image" {
		return find(func(x *Cause) bool { return x.Kind == Image && strings.Contains(s.Source, x.Name) })
	}
	if before == nil {
		if s.Instruction < 0 {
			return nil
		}
		in := after.Instructions[s.Instruction]
		return find(func(x *Cause) bool { return x.Kind == Instruction && x.New == in.Text })
	}
	for _, r := range s.Reads {
		q := readingLike(before, r)
		if q == nil || c.old.Selections[q.Selection].Dir != c.now.Selections[r.Selection].Dir {
			name := "context"
			if r.Context != "" {
				name = "contexts." + r.Context
			}
			if x := find(func(x *Cause) bool { return x.Kind == Attribute && x.Name == name }); x != nil {
				return x
			}
		}
		if q == nil || c.old.Selections[q.Selection].Sum != c.now.Selections[r.Selection].Sum {
			if x := find(func(x *Cause) bool { return x.Kind == Ignore || x.Kind == File }); x != nil {
				return x
			}
		}
	}
	if before.Own == s.Own {
		return nil
	}
	return c.ownDefinition(t, after, before, s)
}

// ownDefinition finds the cause by which an operation itself differs: what its
// words lead to, then the nearest instruction above it, then what can touch any
// step. What is only in the configuration of the image, such as a label, is the
// reason of none.
func (c *comparing) ownDefinition(t *Target, after *facts.Target, before, s *facts.Step) *Cause {
	text := ""
	if s.Instruction >= 0 {
		text = after.Instructions[s.Instruction].Text
	}
	names := leadTo(after.Instructions, text, envDiff(before.Env, s.Env))
	nearest, at := (*Cause)(nil), -1
	for _, x := range t.Causes {
		switch x.Kind {
		case Argument:
			if names[x.Name] {
				return x
			}
		case Instruction:
			if i := above(after, s, x); i > at && shapes(x, names) {
				nearest, at = x, i
			}
		}
	}
	if nearest != nil {
		return nearest
	}
	for _, x := range t.Causes {
		if x.Kind == Argument && slices.Contains(s.Env, x.Name) { // its value is not kept
			return x
		}
	}
	for _, kind := range []string{Attribute, Image, Linked, Operation, Engine} {
		for _, x := range t.Causes {
			if x.Kind == kind && (kind != Attribute || touches(x.Name, s, text)) {
				return x
			}
		}
	}
	return nil
}

// leadTo are the names of the variables that a step may depend on: those in its
// text and its environment, and those that their definitions mention.
func leadTo(list []facts.Instruction, text string, env []string) map[string]bool {
	out := map[string]bool{}
	rest := slices.Concat(env, words(text))
	for _, m := range variable.FindAllStringSubmatch(text, -1) {
		rest = append(rest, m[1])
	}
	for len(rest) > 0 {
		name := rest[0]
		if rest = rest[1:]; out[name] {
			continue
		}
		out[name] = true
		for _, in := range list {
			if defines(in.Text, name) {
				for _, m := range variable.FindAllStringSubmatch(in.Text, -1) {
					rest = append(rest, m[1])
				}
			}
		}
	}
	return out
}

// variable is a place where an instruction uses one.
var variable = lazyregexp.New(`\$\{?([A-Za-z_][A-Za-z0-9_]*)`)

// words are the parts of a text that may be names of variables.
func words(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r > 127 || !word(byte(r)) })
}

// defines says whether an instruction is an ARG or ENV that sets a variable.
func defines(text, name string) bool {
	return (strings.HasPrefix(text, "ARG ") || strings.HasPrefix(text, "ENV ")) && mentions(text, name)
}

// shapes says whether an instruction may change steps below it: by a variable
// that they use, or by what holds for all of them.
func shapes(c *Cause, names map[string]bool) bool {
	for _, text := range []string{c.Old, c.New} {
		kind, rest, _ := strings.Cut(text, " ")
		switch kind {
		case "ARG", "ENV":
			if slices.ContainsFunc(words(rest), func(w string) bool { return names[w] }) {
				return true
			}
		case "SHELL", "USER", "WORKDIR", "FROM", "#":
			return true
		}
	}
	return false
}

// above is the place of an instruction that differs, from 0, or -1 if it is
// written below a step.
func above(t *facts.Target, s *facts.Step, c *Cause) int {
	_, line, _ := strings.Cut(c.Place[strings.LastIndexByte(c.Place, '/')+1:], ":")
	n, err := strconv.Atoi(line)
	if err != nil || s.Instruction < 0 || n > t.Instructions[s.Instruction].End {
		return -1
	}
	return n
}

// touches says whether an attribute can change a step.
func touches(name string, s *facts.Step, text string) bool {
	kind, id, given := strings.Cut(name, " ")
	switch {
	case given && (kind == "secret" || kind == "ssh"):
		return mentions(text, id) || strings.Contains(text, "type="+kind)
	case strings.HasPrefix(name, "labels."), name == "target", name == "no-cache":
		return false
	case slices.Contains(ofRuns, name):
		return s.Kind == "run"
	}
	return true
}

// envDiff are the names of the variables by which two environments differ.
func envDiff(a, b []string) []string {
	var out []string
	for _, list := range [][2][]string{{a, b}, {b, a}} {
		for _, kv := range list[0] {
			if !slices.Contains(list[1], kv) {
				name, _, _ := strings.Cut(kv, "=")
				out = append(out, name)
			}
		}
	}
	return out
}

// mentions says whether a text has a name as a word.
func mentions(text, name string) bool {
	for rest := text; ; {
		i := strings.Index(rest, name)
		if i < 0 || name == "" {
			return false
		}
		before, after := rest[:i], rest[i+len(name):]
		if (before == "" || !word(before[len(before)-1])) && (after == "" || !word(after[0])) {
			return true
		}
		rest = after
	}
}

func word(b byte) bool {
	return b == '_' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
}

// Label is a step as the builder names it.
func (s *Step) Label() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %d/%d", s.Platform, s.Stage, s.Nth, s.Of))
}

// Brief is a cause in a few words.
func (c *Cause) Brief() string {
	switch c.Kind {
	case File:
		if len(c.More) > 0 {
			return fmt.Sprintf("%s and %d more", c.Name, len(c.More))
		}
		return c.Name
	case Argument:
		return "arg " + c.Name
	case Instruction:
		return "the instruction at " + c.Place
	case Image:
		return "base image " + c.Name
	case Linked:
		return "target " + c.Name
	case Attribute:
		return strings.TrimSpace(c.Place + " " + c.Name)
	case Engine:
		return "another version of orch"
	}
	return strings.TrimSpace(cmp.Or(c.Place, "") + " " + c.Name)
}
