// Package publish moves the tags of a run, all or none. The images are in
// their registries already, under their digests; what is left is to point
// every tag at its new digest, in one short phase.
//
// A journal in the state folder says what is to be moved and where each tag
// pointed before. It is written before the first tag moves and removed when
// all have. If a tag cannot be moved, the ones that were are put back; if that
// cannot be done either, or the process ends, the journal is what [Resume] and
// [Rollback] go by.
//
// The package knows registries and nothing of builds.
//
// [Resume]: Publisher.Resume
// [Rollback]: Publisher.Rollback
package publish
