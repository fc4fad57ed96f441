// Package skip leaves out the builds of targets whose images are there already,
// and proves that they are.
//
// # The flow
//
//  1. Before a run, each target has a digest of all that makes its image
//     (package digest). One that is open, that runs for its effect (no-cache),
//     or whose output is not an image or a file is built.
//  2. One request asks the image's own repository for a record: the tag
//     orch-LANE-DIGEST, in the run's own lane and then in the main one.
//  3. A record is believed if it is for this digest, this repository and this
//     lane, is signed where a key is demanded, is not too old, was not rejected,
//     has the target's platforms, and has passed the target's tests.
//  4. Where every tag points to the record's image already, that is all; of a
//     few images, chosen at random, more is asked for. A tag that would have to
//     move does so only after the whole image was asked for: the index, every
//     platform, every attestation, every blob with its length. An image that is
//     missing in another repository is copied there.
//  5. Whatever else a registry answers, the target is built: a record never
//     makes a run fail.
//  6. Tags of skipped targets move in the publish phase, with all others.
//  7. After that, what was built gets its record, if its digest is still the
//     same as before the run and the whole image is there. Records of a lane are
//     bounded in number; the oldest go.
//  8. An audit builds some of the skipped targets all the same, from scratch,
//     and compares. A difference that can be repeated fails the run before any
//     tag moves, and the record is rejected.
//
// # Trust
//
// Whoever can push to a repository can point its tags anywhere, and so gains
// nothing by writing records there. That is different where lanes that are not
// trusted may push to it: then only signatures tell their records from others.
//
// Records that were seen are kept in the state folder for a day, and save the
// request of step 2; a tag never moves by them alone.
//
// The package does not know how digests are made, how targets are built, nor how
// tags are moved.
package skip
