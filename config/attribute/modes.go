package attribute

import "fmt"

// gitModes is the value of context-modes for the modes that git keeps; ""
// leaves modes as they are on this machine.
const gitModes = "git"

// checkModes reports a value that is not known.
func checkModes(v any) []error {
	if s := v.(string); s != "" && s != gitModes {
		return []error{fmt.Errorf("%q is not known; write %q, or leave it out for the modes of this machine", s, gitModes)}
	}
	return nil
}
