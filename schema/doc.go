// Package schema reads a definition as it is written: build.hcl, its JSON
// form, and the files of docker buildx bake. What it returns are blocks whose
// attributes are still expressions, each with the place where it is written.
//
// The package knows which blocks and attributes there are, and what they are
// for. It knows nothing of values: no variable is looked up here, no template
// expanded, no file opened. That is the work of package config.
//
// # Adding a block kind
//
// A block kind is one file: the Go type, the table of its attributes, and the
// function that reads it. Enter it in blockKinds (parse.go).
package schema
