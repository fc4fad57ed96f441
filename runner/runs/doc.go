// Package runs shows and moves the records of runs: it lists them, finds what
// targets and steps printed, and puts a run into one file, or takes it from
// there. It knows nothing of command lines and of builders, and it changes no
// record.
package runs
