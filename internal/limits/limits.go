// Package limits finds out whether something failed because a limit was
// reached: of open files, processes, memory or the size of files. It says which
// one, and how it is raised. Threads looks at one before it is reached, since a program
// in Go cannot say anything then.
//
// It knows what the system says of each, in errors and in texts that came from
// another process, and not whether what failed is worth another try.
package limits

import (
	"errors"
	"syscall"

	"github.com/orch-build/orch/internal/lazyregexp"
)

type limit struct {
	err    error
	text   *lazyregexp.Regexp
	reason string
}

// known are the limits. Texts are what Go and the C library say; where that is
// said of other things too, they name who says it.
var known = []limit{
	{syscall.ENFILE, ends(`too many open files in system`), "the machine has as many files open as it may (sysctl fs.file-max)"},
	{syscall.EMFILE, ends(`too many open files`), "the limit of open files is reached (ulimit -n)"},
	{syscall.ENOMEM, ends(`cannot allocate memory`), "memory has run out, or its limit is reached (ulimit -v, or the memory of the container)"},
	{syscall.EFBIG, ends(`file too large`), "the limit of the size of a file is reached (ulimit -f)"},
	{nil, lazyregexp.New(`(?:fork/exec [^\n]*|clone[^\n]*|pthread_create[^\n]*|os/exec[^\n]*|newosproc[^\n]*|create new OS thread[^\n]*): [Rr]esource temporarily unavailable|runtime: failed to create new OS thread`),
		"the limit of processes is reached (ulimit -u, or the pids of the container)"},
}

// ends matches a text where something is the last of what is said, as it is
// where the system said it.
func ends(said string) *lazyregexp.Regexp {
	return lazyregexp.New(`(?m): ` + said + `(?:$|[;,)])`)
}

// Of names the limit that err is about.
func Of(err error) (reason string, ok bool) {
	if err == nil {
		return "", false
	}
	for _, l := range known {
		if l.err != nil && errors.Is(err, l.err) {
			return l.reason, true
		}
	}
	return InText(err.Error())
}

// InText names the limit that a text is about.
func InText(text string) (reason string, ok bool) {
	for _, l := range known {
		if l.text.MatchString(text) {
			return l.reason, true
		}
	}
	return "", false
}
