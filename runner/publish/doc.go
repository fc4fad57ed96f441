// Package publish moves the tags of a run, all or none. The images are in
// their registries already, under their digests; what is left is to point
// every tag at its new digest, in one short phase.
//
// # Journals
//
// A journal in the state folder says what is to be moved and where each tag
// pointed before. It is written before the first tag moves and removed when
// all have. If a tag cannot be moved, those that were are put back; the journal
// stays, so that [Publisher.Resume] can move all of them later. If they cannot
// be put back either, or the process ends, the journal says what is left for
// Resume and [Publisher.Rollback], or for the next run that moves one of the
// same tags. All of these leave a tag alone that is neither where it was nor
// where it is to be: somebody else has moved it since.
//
// A journal that cannot be read, or not be finished, is set aside, with a
// warning; it stops nobody. Runs on one machine wait for each other only where
// they move the same tag.
//
// # Runs elsewhere
//
// Registries cannot move several tags at once, and none of them only if they
// have not moved. So a run looks again when it has moved its tags. If others
// have moved all of them since, these are theirs. If they have moved some, one
// of the two moves the rest: the one that has the first tag, by name; the other
// waits for that, and moves all of them itself if it does not happen. Since
// whoever moves a tag looks afterwards, the last one sees to it that all tags
// are of one run, or returns a [MixedError]. This holds for runs that publish
// the same tags, come to their end, and get current answers. For a moment, a
// mixture can be seen all the same, and nothing holds programs to it that do
// not look.
//
// The package knows registries and nothing of builds.
package publish
