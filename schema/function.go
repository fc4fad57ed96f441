package schema

// Function is a function block.
type Function struct{ Block }

var functionKind = blockKind{
	name:  "function",
	doc:   "Functions of the definition, by name.",
	label: true,
	attrs: []Attribute{
		{Name: "params", Type: "list(name)", Doc: "Names of the parameters."},
		{Name: "variadic_params", Type: "name", Doc: "Name of a last parameter that takes all further arguments as a list."},
		{Name: "result", Type: "any", Doc: "The expression that a call gives."},
	},
	add: func(f *File, b Block) { f.Functions = append(f.Functions, &Function{b}) },
}
