// Package template tells the targets of a definition that are there to be
// inherited from those that are there to be built. It works on names alone: it
// knows nothing of blocks, files or values, and does not say what is built in
// the end, which groups, patterns and the command line decide.
package template

import "strings"

// Target is what has to be known of one target.
type Target struct {
	Name    string
	Parents []string // those that it inherits
	Links   []string // those whose result it takes as a context
	Used    bool     // something else asks for it, such as a test
}

// Set holds the templates of a definition.
type Set struct{ inherited, used map[string]bool }

// Of finds the templates among the targets; members holds the members of each
// group that somebody has written.
func Of(targets []Target, members [][]string) Set {
	s := Set{inherited: map[string]bool{}, used: map[string]bool{}}
	for _, t := range targets {
		for _, p := range t.Parents {
			s.inherited[p] = true
		}
		for _, l := range t.Links {
			s.used[l] = true
		}
		if t.Used {
			s.used[t.Name] = true
		}
	}
	for _, list := range members {
		for _, m := range list {
			s.used[m] = true
		}
	}
	return s
}

// Has says whether a target is a template: its name, without a namespace,
// begins with "_", or others inherit it and no group and no link names it.
func (s Set) Has(name string) bool {
	return strings.HasPrefix(name[strings.LastIndexByte(name, '.')+1:], "_") || s.inherited[name] && !s.used[name]
}

// Unbuilt says whether a target is a template that no group and no link names
// either, so that it is built only if it is asked for by name.
func (s Set) Unbuilt(name string) bool { return s.Has(name) && !s.used[name] }
