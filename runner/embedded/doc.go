// Package embedded is the builder inside the orch binary: BuildKit's server
// packages linked in, and the life cycle of the process that runs them.
//
// [Ensure] returns the address of a running builder. When none runs, it starts
// one in the background, waits until that process answers, and leaves it warm
// for the next call. The process ends by itself after an idle time. It is this
// program once more (with the hidden argument "__daemon"), or the one that
// [Options] carries; either way it ends in Serve of the package server, the
// only importer of BuildKit's server packages.
//
// The package knows nothing of targets and plans: whoever builds dials the
// address like any other BuildKit. It runs on Linux alone; elsewhere every call
// says so.
//
// # Files
//
// All state lies in one folder, readable by its owner only:
//
//	builder.sock          the socket, mode 0600; there only while a builder answers
//	builder.log           what the builder wrote; older parts are builder.log.1 to .3
//	builder/start.lock    held by whoever starts or stops a builder
//	builder/builder.lock  held by the builder as long as it lives
//	builder/root          BuildKit's data: snapshots, content, cache records
//	builder/run           the OCI runtime's state, for an ordinary user
//	builder/tmp           the builder's temporary files and mounts
//	builder/reserve       space set aside, which pruning a full disk takes
//	builder/seal.json     how the builder left builder/root when it ended
//	builder/damaged       what of that was found damaged, kept for whoever looks
//
// The lock files are never removed: a lock on a removed file locks nothing.
//
// # Life cycle
//
// Starting: probe the socket; take start.lock; probe again; start the process;
// wait until it reports that it is ready; release start.lock. The process takes
// builder.lock first, and waits for it, because its predecessor may still be
// finishing builds. Under that lock it clears what a killed predecessor left:
// containers, mounts and their folders.
//
// Ending: on SIGTERM at once, its builds cancelled; on SIGUSR2 as soon as the
// builds that run now are done, taking no new ones; and when no client has been
// connected for the idle time. Each unlinks the socket first, so that the next
// caller starts a new process.
//
// Replacing: an idle builder makes room for a caller whose orch is newer, by its
// version or else by the time of its file, or that has another configuration. A
// busy one is used as it is, whatever its version, and so is a newer one: two
// builds of orch on one machine do not take turns.
//
// Healing: a builder that ends seals its state. The next one sets aside what is
// not as it was left, says so, and starts with an empty cache.
package embedded
