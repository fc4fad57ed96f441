// Package record keeps what is known of runs: it writes the record of a run to
// the state folder while the run goes on, and finds out what is left to do of the
// last one. It knows nothing of command lines and builders, and prints nothing.
package record
