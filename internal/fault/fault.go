// Package fault collects what is wrong with a user's files and has the words
// to report it: a list of names, a path that may hold anything.
//
// It takes the place of HCL's diagnostics where nothing else of HCL is needed: the
// packages that plan know a place in a file, and nothing of the language. It
// does not print; package diag does.
package fault

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
)

type (
	// Range is a place in a file.
	Range = hcl.Range
	// Pos is one end of a Range.
	Pos = hcl.Pos
	// Diagnostic is one fault, with its place.
	Diagnostic = hcl.Diagnostic
	// Diagnostics are faults in the order in which they were found.
	Diagnostics = hcl.Diagnostics
	// Severity says whether a fault is an error.
	Severity = hcl.DiagnosticSeverity
)

// An Error ends what was asked for; a Warning does not.
const (
	Error   = hcl.DiagError
	Warning = hcl.DiagWarning
)

// Report collects faults, each once however many targets have it. The zero
// value is empty and ready.
type Report struct {
	Diags Diagnostics
	seen  map[string]bool
}

// Fail reports an error.
func (r *Report) Fail(at Range, summary, format string, args ...any) {
	r.FailIn(at, nil, summary, format, args...)
}

// FailIn also shows the lines of a wider place around the fault.
func (r *Report) FailIn(at Range, around *Range, summary, format string, args ...any) {
	detail := fmt.Sprintf(format, args...)
	key := fmt.Sprintf("%v\x00%s\x00%s", at, summary, detail)
	if r.seen[key] {
		return
	}
	if r.seen == nil {
		r.seen = map[string]bool{}
	}
	r.seen[key] = true
	r.Diags = append(r.Diags, &Diagnostic{
		Severity: Error, Summary: summary, Detail: detail, Subject: &at, Context: around,
	})
}

// Warn reports a warning.
func (r *Report) Warn(at Range, summary, format string, args ...any) {
	n := len(r.Diags)
	r.Fail(at, summary, format, args...)
	if len(r.Diags) > n {
		r.Diags[n].Severity = Warning
	}
}

// Names joins names for a sentence, cut to the first twenty.
func Names(names []string) string {
	const most = 20
	quoted := make([]string, 0, min(len(names), most))
	for _, n := range names[:min(len(names), most)] {
		quoted = append(quoted, fmt.Sprintf("%q", n))
	}
	s := strings.Join(quoted, ", ")
	if len(names) > most {
		s += fmt.Sprintf(" and %d more", len(names)-most)
	}
	return s
}

// Place is a place as the text of a message has it.
func Place(at Range) string { return fmt.Sprintf("%s:%d", at.Filename, at.Start.Line) }

// Reason is the innermost part of a file error, without the path.
func Reason(err error) string {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err.Error()
	}
	return err.Error()
}

// Cause is the innermost of wrapped errors.
func Cause(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}

// Sentence ends a message of a library with a full stop and starts it in
// upper case.
func Sentence(s string) string {
	s = strings.TrimRight(strings.TrimSpace(s), ".")
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}

// Path is a path for a terminal: as it is, or quoted if it holds line breaks,
// control characters or bytes that are not UTF-8.
func Path(path string) string {
	if path == "" {
		return "."
	}
	if strings.ContainsFunc(path, func(r rune) bool { return !strconv.IsPrint(r) || r == utf8.RuneError }) {
		return strconv.Quote(path)
	}
	return filepath.ToSlash(path)
}
