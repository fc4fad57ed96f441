// Package usage marks errors that come from how a program was called or from a
// file that it was given, so that a command can tell them from what failed. It
// knows nothing of exit codes.
package usage

import (
	"errors"
	"fmt"
)

// Error is an error of the user's.
type Error struct{ Err error }

func (e Error) Error() string { return e.Err.Error() }
func (e Error) Unwrap() error { return e.Err }

// Errorf is fmt.Errorf for an error of the user's.
func Errorf(format string, args ...any) error { return Error{fmt.Errorf(format, args...)} }

// Wrap marks an error as one of the user's; nil stays nil.
func Wrap(err error) error {
	if err == nil {
		return nil
	}
	return Error{err}
}

// Is says whether an error is one of the user's.
func Is(err error) bool {
	var e Error
	return errors.As(err, &e)
}
