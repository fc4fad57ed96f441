// Package pack writes the content of a cache mount as a compressed archive, and
// puts it back into an empty one. Its two halves talk over the standard streams
// of a process in a container of the builder: the one in the container (Save,
// Restore) has the files, the other has the archive.
//
// An archive comes from a registry that others can write, so nothing in it is
// believed: a name that leads out, a device, a second entry of one name, or an
// entry that would be written through a link makes the whole archive refused. A
// mount gets all of an archive or nothing: files are unpacked aside, in a folder
// of the mount, and moved when the other side has said that the archive was
// whole.
//
// The package knows nothing of builders, registries and plans.
package pack

import "time"

// The states that the side in the container reports.
const (
	// Cold is a mount that is as the builder makes a new one.
	Cold = "cold"
	// Warm is a mount that has content.
	Warm = "warm"
	// OtherBase is a mount that begins with other files than the saved one did.
	OtherBase = "base"
	// Restored is a mount into which the archive was put.
	Restored = "restored"
	// Same is content that is saved already.
	Same = "same"
	// Packed is content of which the archive has been written.
	Packed = "packed"
	// Large is content above the limit.
	Large = "large"
	// Busy is content that changed while it was read.
	Busy = "busy"
)

// Status is what the side in the container reports, as one line of JSON.
type Status struct {
	State string `json:"state"`
	// Bytes is the size of the files, and Files their number.
	Bytes int64 `json:"bytes,omitempty"`
	Files int   `json:"files,omitempty"`
	// Sums are the content's.
	Sums Sums `json:"sums,omitzero"`
	// Size and Digest are the archive's.
	Size   int64  `json:"size,omitempty"`
	Digest string `json:"digest,omitempty"`
	// Unused is how many files were left out of it, because nothing had used them.
	Unused int `json:"unused,omitempty"`
	// At is when a mount was restored, by the clock of the builder.
	At time.Time `json:"at,omitzero"`
}

// Sums tell contents apart.
type Sums struct {
	// Content is that of the names, kinds, modes, owners and contents.
	Content string `json:"content,omitempty"`
	// Meta is the same with times in the place of contents: where it is equal,
	// nothing has to be read.
	Meta string `json:"meta,omitempty"`
	// Base is the content that the mount began with; "" for an empty one.
	Base string `json:"base,omitempty"`
}

// SaveOptions say what is to be saved.
type SaveOptions struct {
	// Dir is the mount, and Base what it began with; "" for nothing.
	Dir, Base string
	// Known are the sums of what is saved already.
	Known Sums
	// Limit is the most bytes that are saved; 0 means no limit.
	Limit int64
	// Unused leaves out files that nothing has used for that long, and those used
	// least recently of a mount above the limit; 0 leaves nothing out.
	Unused time.Duration
	// Since is when the mount was restored, if it was: that files were changed then
	// is no use of them.
	Since time.Time
}

// RestoreOptions say what is to be restored.
type RestoreOptions struct {
	Dir, Base string
	// Size is the archive's, and BaseSum the base that it belongs to.
	Size    int64
	BaseSum string
	// Limit is the most bytes that are unpacked; 0 means no limit.
	Limit int64
}

// Commit is what the other side sends behind an archive that was whole.
const Commit = "commit\n"

// aside begins the names of folders in a mount in which archives are unpacked;
// stale is the age at which one was left by a process that is gone.
const (
	aside = ".orch-restore-"
	stale = time.Hour
)
