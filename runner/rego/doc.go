// Package rego evaluates source policies that are written in Rego, with bake's
// own evaluator, so that a policy decides the same for both. It is the only
// package that knows the evaluator, which is large: only the whole orch is
// linked with it.
//
// It does not know which policies hold for a target, how the builder asks, or
// the consequences of a denial.
package rego
