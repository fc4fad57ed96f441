// Package load finds and reads the files of a definition and resolves them with
// what a command line and the environment say. It knows nothing of flags, stages
// and builds, prints nothing by itself and does not end the process.
package load
