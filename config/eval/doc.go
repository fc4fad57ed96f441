// Package eval evaluates the expressions of the files of a definition: it has
// their variables, constants and functions, the facts of git, and limits that end
// what would take for ever. A name is evaluated when something asks for it; a
// cycle is reported with all its steps.
//
// It does not know what a target or a group is: it asks a References for what
// target.NAME and group.NAME stand for. What it takes from outside is in Inputs.
package eval
