// Package record keeps what is known of runs: it makes the record of a run from
// its report, writes it to the state folder while the run goes on, shows it as a
// page, and finds out what is left to do of the last one. It knows
// nothing of command lines and builders.
package record
