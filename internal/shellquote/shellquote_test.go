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
