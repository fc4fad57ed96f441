package language

import (
	"cmp"
	"context"
	"slices"

	"github.com/orch-build/orch/internal/language/document"
	"github.com/orch-build/orch/internal/language/project"
)

// kind says what a name is the name of.
type kind string

const (
	kindTarget   kind = "target"
	kindGroup    kind = "group"
	kindVariable kind = "variable"
	kindFunction kind = "function"
	kindImport   kind = "import"
	kindTest     kind = "test"
	kindLocal    kind = "local"   // an axis of a matrix, or a parameter of a function
	kindStage    kind = "stage"   // of a Dockerfile
	kindArg      kind = "arg"     // of a Dockerfile
	kindContext  kind = "context" // what a Dockerfile calls a named context
	kindFile     kind = "file"    // a file as a whole
)

// symbol is something with a name. scope is the path of the file that it belongs to,
// or "" for the files that a definition was named with, which share their names.
type symbol struct {
	kind  kind
	scope string
	name  string
}

// occurrence is a place where a symbol is named.
type occurrence struct {
	symbol
	path       string
	start, end int
	decl       bool
	// text is what is written there, if it is not the name itself, so that it
	// cannot be renamed.
	other bool
}

// names resolves the names of one project.
type names struct {
	s *Service
	a *project.Analysis
}

// scope is where the names of a definition belong.
func (n names) scope(path string) string {
	if n.a == nil || slices.Contains(n.a.Main, path) {
		return ""
	}
	return path
}

// target is the target or group that a name means in a file; label is how its block
// calls it.
func (n names) target(path, name string) (sym symbol, label string) {
	if n.a != nil {
		if b, group, ok := n.a.Names.Resolve(path, name); ok {
			k := kindTarget
			if group {
				k = kindGroup
			}
			return symbol{k, n.scope(b.Path), b.Label}, b.Label
		}
	}
	return symbol{kindTarget, n.scope(path), name}, name
}

// block is the block of a label in a file.
func (n names) block(path, label string) project.Block {
	b := project.Block{Path: path, Label: label}
	if n.a != nil && len(n.a.Names.Blocks[b]) == 0 {
		// Of several blocks with one label, the first has the targets.
		for _, main := range n.a.Main {
			if other := (project.Block{Path: main, Label: label}); n.scope(path) == "" && len(n.a.Names.Blocks[other]) > 0 {
				return other
			}
		}
	}
	return b
}

// dockerfiles are the Dockerfiles of the targets that have an attribute from a block.
func (n names) dockerfiles(path, label, key string) []string {
	if n.a == nil {
		return nil
	}
	var out []string
	own := project.Block{Path: path, Label: label}
	users := n.a.Names.Users(own, key)
	if len(users) == 0 {
		users = n.a.Names.Blocks[n.block(path, label)]
	}
	for _, t := range users {
		if f := n.a.DockerfileOf(t); f != "" && !slices.Contains(out, f) {
			out = append(out, f)
		}
	}
	return out
}

// occurrences lists all places in a file where something is named.
func (s *Service) occurrences(a *project.Analysis, d *document.Document) []occurrence {
	n := names{s, a}
	var out []occurrence
	switch {
	case s.definition(d.Path) || a != nil && slices.Contains(a.Files, d.Path):
		if isHCL(d.Path) {
			out = slices.Clone(s.files.definition(d).names(n))
		}
	case a != nil && a.Dockerfiles[d.Path] != nil || s.dockerfile(d.Path):
		out = dockerfileOccurrences(s.files.dockerfile(d))
	}
	slices.SortStableFunc(out, func(a, b occurrence) int { return cmp.Compare(a.start, b.start) })
	return out
}

// everywhere lists the places of the project where symbols are named.
func (s *Service) everywhere(ctx context.Context, a *project.Analysis, path string, want []symbol) []occurrence {
	paths := []string{path}
	if a != nil {
		paths = a.Files
		for p := range a.Dockerfiles {
			paths = append(paths, p)
		}
		paths = append(slices.Clone(paths), path)
	}
	slices.Sort(paths)
	var out []occurrence
	for _, p := range slices.Compact(paths) {
		if ctx.Err() != nil {
			return nil
		}
		d := s.document(p)
		if d == nil {
			continue
		}
		for _, o := range s.occurrences(a, d) {
			if slices.Contains(want, o.symbol) {
				out = append(out, o)
			}
		}
	}
	return out
}

// at lists what is named at a byte of a text.
func at(list []occurrence, offset int) []occurrence {
	var out []occurrence
	for _, o := range list {
		if o.start <= offset && offset <= o.end {
			out = append(out, o)
		}
	}
	return out
}

// symbols are those of occurrences, each once.
func symbols(list []occurrence) []symbol {
	var out []symbol
	for _, o := range list {
		if !slices.Contains(out, o.symbol) {
			out = append(out, o.symbol)
		}
	}
	return out
}
