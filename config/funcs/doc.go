// Package funcs has the functions that expressions of a definition may call:
// bake's functions, and goenv. Functions that could make huge values out of a few
// letters refuse to, and a definition that comes from elsewhere can call only
// those that are listed for it.
//
// It knows values, and nothing of expressions, of variables, or of the functions
// that a definition declares itself.
package funcs
