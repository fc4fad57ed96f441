package dockerfile

import (
	"fmt"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// TestOverflow sets variables that are together more than a builder takes. It is
// reported once, where it happens, and the memory stays as it is.
func TestOverflow(t *testing.T) {
	env := &Environment{}
	var faults []int
	for i := range 100 {
		s := Scope{Env: env, Lex: shell.NewLex('\\')}
		value := strings.Repeat("x", 1<<20)
		s.Setenv(&instructions.EnvCommand{Env: instructions.KeyValuePairs{{Key: "a" + strings.Repeat("b", i), Value: value}}}, func(error) { faults = append(faults, i) })
		env = env.On()
	}
	if len(faults) != 1 || faults[0] != 16 {
		t.Errorf("reported at %v", faults)
	}
	if n := len(env.Keys()); n != 17 {
		t.Errorf("%d variables are kept", n)
	}

	// What is set again counts once.
	env = &Environment{}
	for range 100 {
		env.Set("a", strings.Repeat("x", 1<<20))
	}
	if err := env.overflow(); err != nil {
		t.Error(err)
	}

	// So do many short ones, in one stage or in several.
	env = &Environment{}
	faults = nil
	for i := range 10_010 {
		s := Scope{Env: env, Lex: shell.NewLex('\\')}
		s.Setenv(&instructions.EnvCommand{Env: instructions.KeyValuePairs{{Key: fmt.Sprint("a", i), Value: "x"}, {Key: "same", Value: "x"}}}, func(error) { faults = append(faults, i) })
		if i%1000 == 0 {
			env = env.On()
		}
	}
	if len(faults) != 1 || faults[0] != 9_999 {
		t.Errorf("reported at %v", faults)
	}
}
