// Package runner runs a plan: it decides which build starts when, keeps the
// state of every build, and makes a Report of the run.
//
// One goroutine owns the states and the report. The work itself is done by a
// Solver, which sends events; a Solver knows what a builder is, and this package
// does not. Nor does it know BuildKit's wire format, or the terminal: displays
// draw the same events, and what is shown after the run is printed from the
// Report.
package runner
