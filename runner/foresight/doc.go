// Package foresight says before a run what will run and why, while the run
// begins, and checks it when the run is over. It writes down what targets are made
// of. It does not know command lines; what the builder is, its caller says.
package foresight
