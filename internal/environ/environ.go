// Package environ puts variables in front of an environment, and says how they
// differ from it. It does not touch the environment of the process.
package environ

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/orch-build/orch/internal/shellquote"
)

// Env is an environment.
type Env struct {
	// Lookup reads a variable.
	Lookup func(name string) (string, bool)
	// All lists the variables as NAME=VALUE.
	All func() []string
}

// Compared lists variables, and which of them is another one in the environment.
func (e Env) Compared(vars map[string]string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		part := name + "=" + shellquote.Word(vars[name])
		if now, ok := e.Lookup(name); ok && now != vars[name] {
			part += fmt.Sprintf(" (now %s; --var %s=… changes it)", shellquote.Word(now), name)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, " ")
}

// Over returns the environment with variables in front of it.
func (e Env) Over(vars map[string]string) Env {
	return Env{
		Lookup: func(name string) (string, bool) {
			if v, ok := vars[name]; ok {
				return v, true
			}
			return e.Lookup(name)
		},
		All: func() []string {
			out := slices.DeleteFunc(slices.Clone(e.All()), func(kv string) bool {
				name, _, _ := strings.Cut(kv, "=")
				_, ours := vars[name]
				return ours
			})
			for _, name := range slices.Sorted(maps.Keys(vars)) {
				out = append(out, name+"="+vars[name])
			}
			return out
		},
	}
}
