package dockerfile

import (
	"maps"
	"slices"
)

// Arguments are the build arguments of a stage whose values are known, and
// the arguments of the stages that it starts from. A long chain of stages shares them:
// a copy for each would take a square of memory. nil has none.
type Arguments struct {
	base *Arguments
	vars map[string]string
	// unset are arguments of the base that count no more.
	unset map[string]bool
}

// NewArguments are the arguments of a map, which must not be changed any more.
func NewArguments(vars map[string]string) *Arguments { return &Arguments{vars: vars} }

// On are the arguments of a stage that starts where this one ends, after which
// these must not be changed. As with Environment.On, each has at most half of
// what the one below it has, so that Map has few to go through.
func (a *Arguments) On() *Arguments {
	if a == nil {
		return &Arguments{}
	}
	top := a
	for top.base != nil && top.base.size() <= 2*top.size() {
		top = top.flat()
	}
	return &Arguments{base: top}
}

// flat are the arguments together with the layer below.
func (a *Arguments) flat() *Arguments {
	f := &Arguments{base: a.base.base, vars: maps.Clone(a.base.vars), unset: maps.Clone(a.base.unset)}
	for key := range a.unset {
		f.Unset(key)
	}
	for key, value := range a.vars {
		f.Set(key, value)
	}
	return f
}

func (a *Arguments) size() int { return len(a.vars) + len(a.unset) }

// Set sets an argument.
func (a *Arguments) Set(key, value string) {
	if a.vars == nil {
		a.vars = map[string]string{}
	}
	a.vars[key] = value
}

// Unset forgets an argument.
func (a *Arguments) Unset(key string) {
	delete(a.vars, key)
	if a.unset == nil {
		a.unset = map[string]bool{}
	}
	a.unset[key] = true
}

// Map returns all of them, in a map of its own.
func (a *Arguments) Map() map[string]string {
	if a == nil {
		return nil
	}
	var layers []*Arguments
	for l := a; l != nil; l = l.base {
		layers = append(layers, l)
	}
	out := map[string]string{}
	for _, l := range slices.Backward(layers) {
		for key := range l.unset {
			delete(out, key)
		}
		maps.Copy(out, l.vars)
	}
	return out
}
