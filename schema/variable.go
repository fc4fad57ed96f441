package schema

import "github.com/hashicorp/hcl/v2"

// Variable is a variable block: a value that may be set from outside.
type Variable struct {
	Block
	Validations []*Validation
}

// Validation is a validation block inside a variable block.
type Validation struct {
	Condition    hcl.Expression
	ErrorMessage hcl.Expression
	DefRange     hcl.Range
}

var variableKind = blockKind{
	name:  "variable",
	doc:   "Values that may be set from outside, by name.",
	label: true,
	attrs: []Attribute{
		{Name: "type", Type: "type", Doc: "The type: string, number, bool, list(…), set(…), map(…), object({…}), tuple([…]), any."},
		{Name: "default", Type: "any", Doc: "The value if nothing is set from outside."},
		{Name: "description", Type: "string", Doc: "What the variable is for."},
		{Name: "sensitive", Type: "bool", Doc: "Whether orch must not print the value."},
	},
	blocks: []string{"validation"},
	add: func(f *File, b Block) {
		f.Variables = append(f.Variables, &Variable{Block: b})
	},
	nested: func(f *File, b Block) hcl.Diagnostics {
		v := f.Variables[len(f.Variables)-1]
		v.Validations = append(v.Validations, &Validation{
			Condition:    b.Attr("condition"),
			ErrorMessage: b.Attr("error_message"),
			DefRange:     b.DefRange,
		})
		return nil
	},
}

var validationKind = blockKind{
	name: "validation",
	doc:  "What must be true of a value from outside.",
	attrs: []Attribute{
		{Name: "condition", Type: "bool", Required: true, Doc: "What must be true of the value."},
		{Name: "error_message", Type: "string", Doc: "What to say if it is not."},
	},
}
