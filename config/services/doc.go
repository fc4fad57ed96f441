// Package services turns the build sections of the services of Compose files into
// the values of targets, and finds where in the files they are written, and where
// an error of the loader is.
//
// It does not load Compose files, which takes large libraries: a Reader that is
// handed in does, which package compose has. It knows nothing of expressions.
package services
