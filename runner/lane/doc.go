// Package lane puts what runs have written to the build cache into one cache
// for the whole lane, that of a branch or a pull request.
//
// # Why one
//
// BuildKit finds a step by the steps below it, within one cache. A run that
// reads many caches, say one for each target, finds all of the first and little
// of the others where targets share sources, and asks the registry for each. So
// a run has to read one cache, whatever others have built: all targets, one
// only, or one each on fifty machines at once.
//
// BuildKit replaces a cache as a whole, though. So the builder writes what a run
// has built to a place of that run's targets, its own, and then this package
// puts that into the cache of the lane. No layer moves for it: a cache is a list
// of records and of the layers that they are in, and only the list is written
// again.
//
// # What stays
//
// The config of a lane's cache has a field that BuildKit does not know: its
// parts, each with the targets of the run that wrote it and with the records
// where it ends. A run's part takes the place of those whose targets it has,
// alone or together with parts that are newer; so there are never more parts
// than targets, and what nobody builds any more goes. A part that appeared
// while the run was going on stays in any case: two runs of the same targets
// at once, of two commits, both find theirs. Where all parts together are
// larger than BuildKit reads, the oldest go.
//
// # Runs at once
//
// A folder has a lock, and GitHub's cache only takes an entry that is not there
// yet, so that nothing is lost there. A registry has neither: its tag points
// where the last one put it. There, a run looks where the tag points, writes the
// list, looks again, points the tag at the list, waits for longer than another
// needs between its look and its own pointing, and looks whether its part is
// there; if not, it begins again, after a time of its own. Object stores (s3,
// azblob) are not reached from here; their caches have no lane but a name for
// each target, which the builder points at what it has written, so that of two
// runs at once only those of the same targets replace each other.
//
// The package knows BuildKit's format of a cache, and nothing of builds.
package lane
