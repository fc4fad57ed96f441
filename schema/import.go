package schema

// Import is an import block: other files, whose targets and groups are there
// under the block's name.
type Import struct{ Block }

var importKind = blockKind{
	name:  "import",
	doc:   "Other files, whose targets and groups are there under the name of the block.",
	label: true,
	// Bake passes over a block of this name.
	buildOnly: true,
	attrs: []Attribute{
		{Name: "source", Type: "string", Required: true, Doc: "Path of a file, from the folder of this file; a pattern with *, ?, [] or ** names several, each with a namespace of its own."},
		{Name: "variables", Type: "map(any)", Doc: "Values of variables of the imported files."},
	},
	add: func(f *File, b Block) { f.Imports = append(f.Imports, &Import{b}) },
}
