package environ

import (
	"slices"
	"testing"
)

func TestOver(t *testing.T) {
	was := map[string]string{"A": "1", "B": "2"}
	e := Env{
		Lookup: func(name string) (string, bool) { v, ok := was[name]; return v, ok },
		All:    func() []string { return []string{"A=1", "B=2"} },
	}
	vars := map[string]string{"B": "two words", "C": "3"}
	if got := e.Compared(vars); got != "B='two words' (now 2; --var B=… changes it) C=3" {
		t.Error(got)
	}
	over := e.Over(vars)
	if got := over.All(); !slices.Equal(got, []string{"A=1", "B=two words", "C=3"}) {
		t.Errorf("%q", got)
	}
	for name, want := range map[string]string{"A": "1", "B": "two words", "C": "3"} {
		if v, ok := over.Lookup(name); !ok || v != want {
			t.Errorf("%s is %q", name, v)
		}
	}
	if _, ok := over.Lookup("D"); ok {
		t.Error("a variable that is nowhere is there")
	}
}
