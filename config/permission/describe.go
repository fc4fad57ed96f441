package permission

import (
	"fmt"
	"strings"

	"github.com/orch-build/orch/internal/shellquote"
)

// Describe says what is not granted, where it is written, and the flags
// that would grant it.
func Describe(missing []Need, wd string) string {
	var b strings.Builder
	b.WriteString("the definition asks for what it has not been allowed:\n")
	for _, n := range missing {
		fmt.Fprintf(&b, "  %s, %s", n.Action(wd), n.Why)
		if n.At.Filename != "" {
			fmt.Fprintf(&b, " (%s:%d:%d)", n.At.Filename, n.At.Start.Line, n.At.Start.Column)
		}
		b.WriteByte('\n')
	}
	b.WriteString("These flags allow it:\n ")
	for _, f := range Flags(missing, wd) {
		b.WriteString(" " + shellquote.Word("--allow="+f))
	}
	return b.String()
}
