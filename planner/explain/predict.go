package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/orch-build/orch/planner/facts"
)

// fate is what will become of an operation.
type fate struct {
	will string
	why  string
	// anew is true of what stands on a folder, and so has no key that lasts.
	anew, open bool
	cause      *Cause
	step       *Step // nil if it is no step of a Dockerfile
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
	text := ""
	if s.Instruction >= 0 {
		text = after.Instructions[s.Instruction].Text
	}
	env := envDiff(before.Env, s.Env)
	if x := find(func(x *Cause) bool {
		return x.Kind == Argument && (slices.Contains(env, x.Name) || mentions(text, x.Name))
	}); x != nil {
		return x
	}
	if x := find(func(x *Cause) bool {
		return x.Kind == Instruction && slices.ContainsFunc(env, func(name string) bool { return mentions(x.New+" "+x.Old, name) })
	}); x != nil {
		return x
	}
	for _, kind := range []string{Attribute, Argument, Instruction, Image, Linked, Operation, Engine} {
		if x := find(func(x *Cause) bool { return x.Kind == kind }); x != nil {
			return x
		}
	}
	return nil
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
