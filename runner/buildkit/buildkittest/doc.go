// Package buildkittest has a BuildKit daemon without a process, for tests of
// what calls one. Its Client answers the calls of package buildkit: it takes
// definitions, reports their vertices as steps, and hands out the files that a
// definition makes itself. It runs nothing, has no cache, and writes images that
// hold nothing.
package buildkittest
