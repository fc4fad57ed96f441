// Package frontend has what is between BuildKit's Dockerfile frontend, which
// is linked into this program, and a builder: references that the builder learns
// of late, files that are in memory, questions that are asked once, the client
// where there is no builder, and what is taken from the frontend before it fails
// on it. It does not know targets, sessions or exports.
package frontend
