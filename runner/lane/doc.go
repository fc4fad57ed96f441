// Package lane keeps what two runs at once write to one build cache. BuildKit
// replaces a cache as a whole: of two runs that read the same one and each
// write what they have, the later would take away what the earlier has written
// meanwhile. A [Watch] finds that out, and puts both together.
//
// The package knows BuildKit's format of a cache, registries and folders, and
// nothing of builds.
package lane
