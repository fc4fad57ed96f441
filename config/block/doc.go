// Package block evaluates the blocks of the files of a definition: the targets that
// a block makes, also by its matrix, groups, tests, and the cache block outside of
// targets. Values are those that the block itself has.
//
// It does not know what a target inherits, what overrides change, or what is asked
// for; how an expression is evaluated, package eval knows.
package block
