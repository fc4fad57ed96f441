package schema

// Test is a test block: a command that is run in the image of a target.
type Test struct{ Block }

var testKind = blockKind{
	name:  "test",
	doc:   "A command that is run in the image of a target before the image goes anywhere.",
	label: true,
	// Bake passes over a block of this name.
	buildOnly: true,
	attrs: []Attribute{
		{Name: "target", Type: "string", Required: true, Doc: "Name of the target, or of a group: then the command is run in each of its images."},
		{Name: "run", Type: "list(string)", Required: true, Doc: "The program and its arguments."},
		{Name: "env", Type: "map(string)", Doc: "Variables besides those of the image."},
		{Name: "timeout", Type: "string", Doc: "How long the command may take, such as 30s; a minute if it is not written."},
		{Name: "exit-code", Type: "number", Doc: "The exit code that the command has to end with; 0 if it is not written."},
		{Name: "output", Type: "string", Doc: "A regular expression that what the command prints has to match."},
	},
	add: func(f *File, b Block) { f.Tests = append(f.Tests, &Test{b}) },
}
