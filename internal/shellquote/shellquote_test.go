package shellquote

import (
	"os/exec"
	"testing"
)

// A shell reads back what was written.
func TestCommand(t *testing.T) {
	for _, word := range []string{"", "a", "a b", "it's", `"$x"`, "*", "a\nb", "-x=1,2", "~", "a\\b"} {
		out, err := exec.Command("sh", "-c", Command("printf", "%s", word)).Output()
		if err != nil || string(out) != word {
			t.Errorf("%q: a shell reads %q, %v", word, out, err)
		}
	}
}

// In a sentence it is seen where a command ends.
func TestInText(t *testing.T) {
	for command, want := range map[string]string{
		Command("orch", "lock"):                        "'orch lock'",
		Command("orch", "lock", "--set", "a.b=c d"):    "`orch lock --set 'a.b=c d'`",
		Command("orch", "lock", "--var", `it's "one"`): "`orch lock --var 'it'\\''s \"one\"'`",
	} {
		if got := InText(command); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
