package main

import (
	"fmt"
	"github.com/orch-build/orch/internal/shellquote"
	"maps"
	"slices"
	"strings"

	"github.com/orch-build/orch/runner"
)

// asThen lets the variables of the environment that the definition of an earlier
// run took values from be what they were, and says which these are. What was not
// kept, because it is sensitive, has to be there again. given are the variables
// that the command line sets: those need nothing.
func (e *env) asThen(last *runner.Record, given []string) error {
	if e.restored {
		return nil
	}
	e.restored = true
	set := map[string]bool{}
	for _, v := range given {
		name, _, _ := strings.Cut(v, "=")
		set[name] = true
	}
	then := map[string]string{}
	for name, value := range last.Env {
		if !set[name] {
			then[name] = value
		}
	}
	for _, name := range last.HiddenEnv {
		if _, ok := e.lookup(name); !ok && !set[name] {
			return usagef("--resume: the variable %s of the environment held a sensitive value in that run, which is not kept; set it again", name)
		}
	}
	if len(then) == 0 {
		return nil
	}
	e.sayThen(then)
	e.overlay(then)
	return nil
}

// sayThen shows what the variables were, and which of them is another one now.
func (e *env) sayThen(then map[string]string) {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(then)) {
		part := name + "=" + shellquote.Word(then[name])
		if now, ok := e.lookup(name); ok && now != then[name] {
			part += fmt.Sprintf(" (now %s; --var %s=… changes it)", shellquote.Word(now), name)
		}
		parts = append(parts, part)
	}
	fmt.Fprintf(e.stderr, "With the environment of that run: %s\n", strings.Join(parts, " "))
}

// overlay puts variables in front of the environment.
func (e *env) overlay(vars map[string]string) {
	lookup, environ := e.lookup, e.environ
	e.lookup = func(name string) (string, bool) {
		if v, ok := vars[name]; ok {
			return v, true
		}
		return lookup(name)
	}
	e.environ = func() []string {
		out := slices.DeleteFunc(slices.Clone(environ()), func(kv string) bool {
			name, _, _ := strings.Cut(kv, "=")
			_, ours := vars[name]
			return ours
		})
		for _, name := range slices.Sorted(maps.Keys(vars)) {
			out = append(out, name+"="+vars[name])
		}
		return out
	}
}
