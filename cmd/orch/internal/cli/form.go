package cli

// Form is how a command prints its result; the flag --json chooses.
type Form bool

const (
	// Text is for people.
	Text Form = false
	// JSON is for programs.
	JSON Form = true
)
