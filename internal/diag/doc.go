// Package diag prints what is wrong with a definition: for people, with the
// lines of the source, as JSON for other programs, and as annotations of a CI
// service. It knows nothing of how a definition is read or what is checked, and
// does not end the process.
package diag
