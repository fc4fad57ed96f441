package schema

// Lock is a lock block: what holds for the lock of a definition.
type Lock struct{ Block }

// lockKind describes the lock block.
var lockKind = blockKind{
	name:      "lock",
	doc:       "Says how old the entries of orch.lock.hcl may be.",
	buildOnly: true,
	attrs: []Attribute{
		{Name: "max-age", Type: "string", Doc: "How long ago an entry may have been looked up, such as 30d; any time ago if it is not written."},
		{Name: "too-old", Type: "string", Doc: "What an older entry is: a warning (the default) or an error."},
	},
	add: func(f *File, b Block) { f.Locks = append(f.Locks, &Lock{b}) },
}
