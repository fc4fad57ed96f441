// Package e2e runs the orch binary against real parts: the embedded builder,
// and a registry process on loopback. Each test is a script under
// testdata/script.
package e2e
