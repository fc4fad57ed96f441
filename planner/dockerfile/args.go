package dockerfile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/containerd/platforms"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/internal/fault"
)

// Variables are what FROM and the ARG instructions before it can use.
type Variables map[string]string

// Get returns the value of a variable.
func (v Variables) Get(key string) (string, bool) {
	s, ok := v[key]
	return s, ok
}

// Keys returns the names of all variables.
func (v Variables) Keys() []string { return slices.Sorted(maps.Keys(v)) }

// Globals computes the variables that FROM can use: the automatic ones, then
// the ARG instructions before the first FROM, with the target's arguments over
// both. The names are those of BuildKit's Dockerfile reference, "Automatic
// platform ARGs in the global scope".
func Globals(p *File, lex *shell.Lex, build, target ocispecs.Platform, stage string, args map[string]string) (Variables, *Error) {
	v := Variables{
		"BUILDPLATFORM": platforms.Format(build), "BUILDOS": build.OS, "BUILDOSVERSION": build.OSVersion,
		"BUILDARCH": build.Architecture, "BUILDVARIANT": build.Variant,
		"TARGETPLATFORM": platforms.FormatAll(target), "TARGETOS": target.OS, "TARGETOSVERSION": target.OSVersion,
		"TARGETARCH": target.Architecture, "TARGETVARIANT": target.Variant, "TARGETSTAGE": stage,
	}
	for k := range v {
		if s, ok := args[k]; ok {
			v[k] = s
		}
	}
	for _, c := range p.Args {
		for _, a := range c.Args {
			if s, ok := args[a.Key]; ok {
				v[a.Key] = s
				continue
			}
			if a.Value == nil {
				continue
			}
			s, err := Expand(lex, *a.Value, v)
			if err != nil {
				return v, &Error{Msg: fault.Cause(err).Error(), Line: c.Location()[0].Start.Line}
			}
			v[a.Key] = s
		}
	}
	return v, nil
}

// maxExpanded is how many bytes the variables in one word may come to: with
// arguments that are each twice the one before, a short Dockerfile would fill
// the memory.
const maxExpanded = 1 << 20

// Expand puts variables into a word and takes its quotes off.
func Expand(lex *shell.Lex, word string, env shell.EnvGetter) (string, error) {
	if !strings.ContainsAny(word, "$\"'\\`") {
		return word, nil
	}
	b := &bounded{EnvGetter: env}
	s, _, err := lex.ProcessWord(word, b)
	if b.size > maxExpanded {
		return "", fmt.Errorf("the variables in it come to more than %d bytes", maxExpanded)
	}
	return s, err
}

// bounded hands out no more than maxExpanded bytes.
type bounded struct {
	shell.EnvGetter
	size int
}

func (b *bounded) Get(key string) (string, bool) {
	s, ok := b.EnvGetter.Get(key)
	if b.size += len(s); b.size > maxExpanded {
		return "", ok
	}
	return s, ok
}

// Environment is what the instructions of a stage can use, as far as it is
// known without pulling images.
type Environment struct {
	// base is what the stage started with, which is not changed any more.
	base *Environment
	vars map[string]string
	// unknown holds variables that are set to something unknown.
	unknown map[string]bool
	// path is true once PATH is set here. BuildKit sets it if no image does, by
	// the system of the platform, so until then it is unknown.
	path bool
	// Open is true if an image below may set any variable that is in neither.
	Open bool
	// bytes is how much text the known variables here and below have, and count
	// how many variables there are.
	bytes, count int
	// full is true once it was reported that these are too many.
	full bool
	// guessed becomes true when a lookup met something unknown.
	guessed bool
}

const pathVariable = "PATH"

// On is the environment of a stage that starts where this one ends, after which
// this one must not be changed. Copying all of it would take a square of memory
// for a long chain of stages, and looking through all of the chain a square of
// time. So each environment has at most half of what the one below it has, and
// those that have more are made one with it.
func (e *Environment) On() *Environment {
	top := e
	for top.base != nil && top.base.size() <= 2*top.size() {
		top = top.flat()
	}
	if top.size() == 0 && top.base != nil {
		top = top.base
	}
	return &Environment{base: top, path: e.path, Open: e.Open, bytes: e.bytes, count: e.count, full: e.full}
}

// size is how many variables are set here.
func (e *Environment) size() int { return len(e.vars) + len(e.unknown) }

// flat is an environment together with the one below it.
func (e *Environment) flat() *Environment {
	f := &Environment{base: e.base.base, vars: maps.Clone(e.base.vars), unknown: maps.Clone(e.base.unknown)}
	for key, value := range e.vars {
		if !e.unknown[key] {
			f.Set(key, value)
		}
	}
	for key := range e.unknown {
		f.SetUnknown(key)
	}
	return f
}

// Get returns the value of a variable, "" for one that is set to something
// unknown.
func (e *Environment) Get(key string) (string, bool) {
	if key == pathVariable && !e.path {
		e.guessed = true
		return "", true
	}
	for l := e; l != nil; l = l.base {
		if l.unknown[key] {
			e.guessed = true
			return "", true
		}
		if s, ok := l.vars[key]; ok {
			return s, true
		}
	}
	if e.Open {
		e.guessed = true
	}
	return "", false
}

// Keys returns the names of the known variables.
func (e *Environment) Keys() []string {
	var keys []string
	for l := e; l != nil; l = l.base {
		keys = slices.AppendSeq(keys, maps.Keys(l.vars))
	}
	return slices.Compact(slices.Sorted(slices.Values(keys)))
}

// SetUnknown notes that a variable is set to something unknown.
func (e *Environment) SetUnknown(key string) {
	if e.full {
		return
	}
	e.path = e.path || key == pathVariable
	if !e.has(key) {
		e.count++
	}
	if e.unknown == nil {
		e.unknown = map[string]bool{}
	}
	e.unknown[key] = true
}

// has says whether a variable is set here or below.
func (e *Environment) has(key string) bool {
	for l := e; l != nil; l = l.base {
		if _, ok := l.vars[key]; ok || l.unknown[key] {
			return true
		}
	}
	return false
}

// Set sets a variable.
func (e *Environment) Set(key, value string) {
	if e.full {
		return
	}
	e.path = e.path || key == pathVariable
	if !e.has(key) {
		e.count++
	}
	delete(e.unknown, key)
	if e.vars == nil {
		e.vars = map[string]string{}
	}
	e.bytes += len(value) - len(e.vars[key])
	e.vars[key] = value
}

// maxEnvironment is how many bytes the variables of a stage may have: with each
// a little longer than the one before, they would fill the memory. A builder
// takes no message as large.
const maxEnvironment = 16 << 20

// maxVariables is how many variables a stage may have. BuildKit's frontend looks
// through all of them for each ENV, and no program starts with many more.
const maxVariables = 10_000

// overflow says once that there are more variables, or more bytes in them, than a
// builder takes. Nothing more is set then.
func (e *Environment) overflow() error {
	switch {
	case e.full:
		return nil
	case e.bytes > maxEnvironment:
		e.full = true
		return fmt.Errorf("the variables of this stage come to more than %d bytes here", maxEnvironment)
	case e.count > maxVariables:
		e.full = true
		return fmt.Errorf("this stage has more than %d variables here: put them into a file that its programs read", maxVariables)
	}
	return nil
}

// Expand puts variables into a word; known is false if the result depends on
// something unknown, and an error that may come from that is none.
func (e *Environment) Expand(lex *shell.Lex, word string) (s string, known bool, err error) {
	e.guessed = false
	s, err = Expand(lex, word, e)
	if e.guessed {
		return s, false, nil
	}
	return s, err == nil, err
}
