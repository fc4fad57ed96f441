// Package state is what the two sides of the embedded builder agree on: the
// process that starts it and asks it (package embedded), and the builder's own
// (package server). These are the files in the state folder, the arguments and
// reports of a starting builder, and the labels and headers by which a running
// one says what it is.
package state
