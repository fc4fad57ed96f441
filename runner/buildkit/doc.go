// Package buildkit runs builds on a BuildKit daemon. It is the only
// importer of BuildKit's client: sessions, solve options, exporters, cache
// entries and progress stay in here.
//
// A run is one open Build, the anchor: it holds the union of all targets. The
// Dockerfiles become LLB on this side, with BuildKit's own frontend on a
// gateway client that remembers what it has asked. While the anchor is open,
// each finished target is exported by a solve of the very same vertices, so
// that nothing is evaluated twice and the result that is exported is the one
// that other targets were built on.
//
// The package does not know how a plan was made, nor what runs when: that is
// the business of the packages planner and runner.
package buildkit
