// Package spec has the plain values that a definition ends in: targets, with
// their contexts, outputs, caches and platforms. What is a string in the
// language and has a kind is read once into a type here, and nobody looks at
// the string again.
//
// The package is a leaf. It knows nothing of expressions, of inheritance, of
// files, and of HCL only the place where something is written. Package config
// has its types under the same names.
package spec
