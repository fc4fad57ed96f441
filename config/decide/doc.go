// Package decide turns the values that a target and its parents have into a
// spec.Target: it merges them, puts overrides over them, adds what follows from
// other attributes or from where the definition comes from, and checks them.
//
// It does not know which target inherits which, nor expressions or files: it has
// decoded values. What it takes from outside is in Inputs.
package decide
