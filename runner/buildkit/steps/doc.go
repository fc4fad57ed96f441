// Package steps follows what a BuildKit daemon says of the steps of a run:
// statuses come in, the events of package runner go out. It finds out to which
// targets and stages of the plan a step belongs, counts what was moved for it,
// masks secrets and keeps the output.
//
// It opens no session, and it knows neither a display nor a report.
package steps
