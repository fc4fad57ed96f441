// Package digest computes the digests that say whether targets would come out
// the same.
//
// The digest of a target is made of the builder's own definition: the LLB and
// the configuration of the image that BuildKit's Dockerfile frontend, linked
// in, makes of its Dockerfile. Each local source in it is replaced by what the
// operations read from it, each image by the digest that its name means, each
// linked target by its own digest, and each repository and URL by what it is
// pinned to. What the exporter adds comes on top. What cannot be known is open,
// with a reason.
//
// The package does not know what instructions mean: it leaves that to the
// frontend. It asks no registry and no builder by itself; Images does that, if
// it does. It knows nothing of commits, records and runs.
package digest
