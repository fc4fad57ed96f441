package runner

import "time"

// MountState says what a cache mount was when the first step got it.
type MountState string

const (
	// MountCold is a mount that was empty.
	MountCold MountState = "cold"
	// MountRestored is one that was empty on the builder and was filled with what
	// an earlier run had saved.
	MountRestored MountState = "restored"
	// MountWarm is one that had content on the builder.
	MountWarm MountState = "warm"
)

// MountReport is what a run has done with one cache mount.
type MountReport struct {
	// ID is the mount's name in Dockerfiles, and Platform the platform of the steps.
	ID, Platform string
	// Base tells mounts of one ID apart that begin with other files.
	Base string
	// Builder is the builder that has it, where the run has several, and Shard the
	// shard that used it, in a report of several; else 0.
	Builder string
	Shard   int
	State   MountState
	// Targets are those whose steps mount it.
	Targets []string
	// Restored and Saved are what was moved; zero if nothing was.
	Restored, Saved MountTransfer
	// Unchanged is true if what is kept is the same already.
	Unchanged bool
	// Unused is how many files are not kept, because nothing has used them for long.
	Unused int
	// NotSaved is true if steps used the mount, and what they left is not kept.
	NotSaved bool
	// Files and Bytes are what the mount holds, where that is known.
	Files int
	Bytes int64
	// Warning is why it was not restored or not saved, or "".
	Warning string
}

// MountTransfer is what was moved of a mount: bytes as they are kept, which is
// compressed, and the time of all of it.
type MountTransfer struct {
	Bytes int64
	Took  time.Duration
}

// addMount adds what a session did with a mount to what earlier ones did.
func (r *Report) addMount(m *MountReport) {
	for i, old := range r.Mounts {
		if old.ID != m.ID || old.Platform != m.Platform || old.Base != m.Base || old.Builder != m.Builder {
			continue
		}
		now := *m
		now.State, now.Restored = old.State, old.Restored
		if m.Saved == (MountTransfer{}) {
			now.Saved = old.Saved
		}
		r.Mounts[i] = &now
		return
	}
	r.Mounts = append(r.Mounts, m)
}
