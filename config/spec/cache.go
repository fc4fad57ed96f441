package spec

import (
	"slices"
	"time"
)

// Cache says where the build cache of a target is kept. The planner writes the
// cache sources and destinations of the target from it.
type Cache struct {
	// Type is registry, local, gha, s3 or azblob.
	Type string
	// Ref is a repository (registry), a folder (local), or what the names of
	// the caches begin with, possibly "" (gha, s3, azblob).
	Ref string
	// Mode is "max", "min" or "inline".
	Mode string
	// Write says whether this run writes; every run reads.
	Write bool
	// Required makes a cache that cannot be read or written an error.
	Required bool
	// Lane is whose cache is written; it is read together with Main's. Both are
	// names as the user or the CI service knows them, and never "".
	Lane, Main string
	// Trusted is false if other lanes must not read what this run writes.
	Trusted bool
	// Mounts says which cache mounts are kept beside the cache.
	Mounts Mounts
	// Options are further fields, for sources and destinations alike.
	Options map[string]string
}

// Mounts says which cache mounts are kept.
type Mounts struct {
	// All keeps every mount, and otherwise IDs names those that are kept.
	All bool
	IDs []string
	// MaxSize bounds the files of a mount, in bytes.
	MaxSize int64
	// MaxAge is when a mount begins empty again; 0 is never.
	MaxAge time.Duration
	// Unused is, by the ids of mounts, after which time without use a file is not
	// kept.
	Unused map[string]time.Duration
}

// Any says whether a mount may be kept at all.
func (m Mounts) Any() bool { return m.All || len(m.IDs) > 0 }

// Has says whether the mount with an id is kept.
func (m Mounts) Has(id string) bool { return m.All || slices.Contains(m.IDs, id) }

// Lane is what is known about the run before the definition is read: whose
// cache it may write. It comes from the CI service and from git.
type Lane struct {
	Name string // the pull request or branch; "" if neither is known
	Main string // the main branch; "" if it is not known
	Fork bool   // the run is for code from outside the repository
	CI   bool
}
