package eval

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// Inputs is everything outside of its file that an expression can depend on.
type Inputs struct {
	// Vars holds values of variables that win over the environment, by name.
	Vars map[string]string
	// VarFiles are files of variables, later ones first; they win over
	// defaults and lose to the environment.
	VarFiles []VarFile
	// LookupEnv reads one variable of the environment; nil is an empty one.
	LookupEnv func(name string) (string, bool)
	// Builtins are the variables that are always there, by name.
	Builtins map[string]string
	// Functions are the functions of the language.
	Functions func() map[string]function.Function
	// Git reads a fact about the repository around a folder; see GitFacts. A
	// nil Git is a folder outside of any repository.
	Git func(dir, fact string) (any, error)

	// Rounds is how many rounds the "for" expressions of the file may make
	// together; 0 is DefaultRounds.
	Rounds int

	// Prefix comes before the names of an imported file in the whole
	// definition, such as "web."; it is "" for a file that is not imported.
	Prefix string
	// Given holds the values that the importing file passes.
	Given map[string]*Given
}

// VarFile holds the values of one file of variables.
type VarFile struct {
	Name string
	Vars map[string]string
}

// Given is the value of a variable that an import block passes.
type Given struct {
	Value cty.Value
	At    hcl.Range
	// Expr is where the value comes from in the importing file, if it is
	// written out, and From evaluates that file.
	Expr hcl.Expression
	From *Evaluator
	// Used is true once a variable has the value.
	Used bool
}

// References is where an Evaluator finds what is not an expression itself: the
// targets and groups that target.NAME.ATTRIBUTE and group.NAME.ATTRIBUTE refer to.
type References interface {
	// Target returns the attributes of a target, or only the one that is named;
	// nil if there is no such target.
	Target(name, attr string) (map[string]cty.Value, hcl.Diagnostics)
	// Group is the same for a group, always with all attributes.
	Group(name string) (map[string]cty.Value, hcl.Diagnostics)
	// Expression returns how an attribute of a target is written, and where that
	// is evaluated; nil if it is not written.
	Expression(name, attr string) (hcl.Expression, *hcl.EvalContext)
}

// value looks a variable up outside of the files and says where it was found.
func (in *Inputs) value(name string) (value, source string, ok bool) {
	if v, ok := in.Vars[name]; ok {
		return v, "--var", true
	}
	if in.LookupEnv != nil {
		if v, ok := in.LookupEnv(name); ok {
			return v, "environment", true
		}
	}
	for i := len(in.VarFiles) - 1; i >= 0; i-- {
		if v, ok := in.VarFiles[i].Vars[name]; ok {
			return v, in.VarFiles[i].Name, true
		}
	}
	return "", "", false
}
