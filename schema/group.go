package schema

// Group is a group block: a name for several targets and groups.
type Group struct{ Block }

var groupKind = blockKind{
	name:  "group",
	doc:   "Names for several targets and groups.",
	label: true,
	attrs: []Attribute{
		{Name: "targets", Type: "list(string)", Required: true, Doc: "Names of targets and groups."},
		{Name: "description", Type: "string", Doc: "What the group is, for lists."},
		{Name: "matrix", misplaced: "a group cannot have a matrix; write it in the target, and the target's label becomes a group"},
		{Name: "name", misplaced: "a group is named by its label"},
	},
	add: func(f *File, b Block) { f.Groups = append(f.Groups, &Group{b}) },
}
