// Package progress shows a run while it goes on: on a terminal, as lines with
// groups for CI services, or as the JSON that bake writes. It draws the events
// of package runner, and knows neither what a builder is nor how a run is
// scheduled.
package progress
