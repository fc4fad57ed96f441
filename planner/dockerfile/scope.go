package dockerfile

import (
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// Scope is what the words of a stage's instructions mean at one of them. It is
// taken from instruction to instruction.
type Scope struct {
	Env *Environment
	Lex *shell.Lex
	// Globals are what FROM can use.
	Globals Variables
	// Given are the arguments of the target.
	Given map[string]string
}

// Expand puts variables into a word; see Environment.Expand.
func (s *Scope) Expand(word string) (text string, known bool, err error) {
	return s.Env.Expand(s.Lex, word)
}

// Declare declares an argument: its value is the one that is given, else the
// default, else the one that the same name has before the first FROM. It is not
// set if there is none of these.
func (s *Scope) Declare(a Arg) (value string, known, set bool, err error) {
	if value, known, set, err = s.value(a); set {
		if known {
			s.Env.Set(a.Key, value)
		} else {
			s.Env.SetUnknown(a.Key)
		}
	}
	if err == nil {
		err = s.Env.overflow()
	}
	return value, known, set, err
}

func (s *Scope) value(a Arg) (value string, known, set bool, err error) {
	if v, ok := s.Given[a.Key]; ok {
		return v, true, true, nil
	}
	if a.Fixed {
		return a.Value, true, true, nil
	}
	if a.HasValue {
		v, known, err := s.Expand(a.Value)
		return v, known, true, err
	}
	v, ok := s.Globals[a.Key]
	return v, true, ok, nil
}

// Setenv sets the variables of an ENV, all of which see the variables as they
// were before it. It calls failed for every word that means nothing.
func (s *Scope) Setenv(c *instructions.EnvCommand, failed func(error)) {
	type pair struct {
		key, value      string
		keyKnown, known bool
	}
	expand := func(word string) (string, bool) {
		text, known, err := s.Expand(word)
		if err != nil {
			failed(err)
		}
		return text, known
	}
	pairs := make([]pair, len(c.Env))
	for i, kv := range c.Env {
		p := &pairs[i]
		p.key, p.keyKnown = expand(kv.Key)
		p.value, p.known = expand(kv.Value)
	}
	for _, p := range pairs {
		switch {
		case !p.keyKnown:
			s.Env.Open = true
		case p.known:
			s.Env.Set(p.key, p.value)
		default:
			s.Env.SetUnknown(p.key)
		}
	}
	if err := s.Env.overflow(); err != nil {
		failed(err)
	}
}

// Mounts returns the mounts of a RUN with their variables put in. Where one of
// these is not known, nor is what the mounts are.
func (s *Scope) Mounts(c *instructions.RunCommand) (mounts []*instructions.Mount, known bool, err error) {
	known = true
	err = c.Expand(func(word string) (string, error) {
		text, ok, err := s.Expand(word)
		known = known && ok
		return text, err
	})
	return instructions.GetMounts(c), known, err
}
