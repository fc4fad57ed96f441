// Package page writes the one page that shows a plan before a run, and the run
// after it: a graph coloured by state and time, a timeline, and what is known of
// each target and stage. It is one file that loads nothing and runs no script but
// its own. The package knows nothing of planners, runners and records: who calls it
// says what there is to show. Every text that it is given stays a text.
package page
