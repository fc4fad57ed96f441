// Package runner carries out a plan: it decides which build starts when, keeps
// the state of every build, and writes down what became of each in a Report.
//
// One goroutine owns the states. The work itself is done by a Solver, which
// reports back; a Solver knows what a builder is, and this package does not.
// Nor does it know BuildKit's wire format, or the terminal: what is shown to
// anybody is printed from the Report.
package runner
