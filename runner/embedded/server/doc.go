// Package server is the process of the embedded builder: BuildKit's server
// packages behind a gRPC server on a unix socket, and what that process does
// for its own life. It ends when nobody has used it for a while, finishes its
// builds when it is asked to make room, and clears what a killed predecessor
// left. Package embedded starts it, and describes its files.
//
// It is the only importer of BuildKit's server packages, and runs on Linux
// alone.
package server
