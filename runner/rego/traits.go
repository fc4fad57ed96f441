package rego

import (
	"io/fs"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/orch-build/orch/config/policy"
)

// Traits say what the decisions of policies can depend on besides the source.
type Traits struct {
	// Env is true if they may look at the target.
	Env bool
	// Files is true if they may look at files.
	Files bool
}

// readers are the functions that read files.
var readers = []string{
	"load_json", "verify_git_signature", "verify_http_pgp_signature", "artifact_attestation",
	"docker_github_builder_bundle",
}

// TraitsOf looks at the text of policies. What it cannot make out counts as
// true.
func TraitsOf(set *policy.Set, opt Options) Traits {
	var t Traits
	for _, one := range set.Policies {
		r := &reading{files: (&files{context: one.Context, tree: opt.Tree}), traits: &t, seen: map[string]bool{}}
		for _, f := range one.Files {
			r.module(f.Name, f.Data)
		}
		_ = r.files.close()
	}
	return t
}

// reading goes through the modules of a policy.
type reading struct {
	files  *files
	traits *Traits
	seen   map[string]bool
}

func (r *reading) module(name string, data []byte) {
	m, err := ast.ParseModule(name, string(data))
	if err != nil || m == nil {
		r.traits.Env, r.traits.Files = true, true
		return
	}
	for _, imp := range m.Imports {
		r.follow(imp.Path.Value.String())
	}
	r.walk(m)
}

// walk looks at a part of a module.
func (r *reading) walk(part any) {
	ast.NewGenericVisitor(func(x any) bool {
		switch v := x.(type) {
		case *ast.Expr:
			terms, _ := v.Terms.([]*ast.Term)
			if bare(v) || harmless(terms) {
				for _, w := range v.With {
					r.walk(w)
				}
				r.arguments(terms)
				return true
			}
		case ast.Call:
			if harmless(v) {
				r.arguments(v)
				return true
			}
		case ast.Ref:
			r.ref(v)
			for i, t := range v {
				if _, name := t.Value.(ast.Var); i > 0 || !name {
					r.walk(t)
				}
			}
			return true
		case ast.Var:
			r.ref(ast.Ref{ast.NewTerm(v)})
		}
		return false
	}).Walk(part)
}

// bare says whether an expression only asks if the source is an image.
func bare(e *ast.Expr) bool {
	t, ok := e.Terms.(*ast.Term)
	return ok && t.Value.String() == "input.image"
}

// takeImage are functions that are given an image and look at nothing in it
// that comes from the target.
var takeImage = []string{"pin_image", "docker_github_builder", "docker_github_builder_tag"}

// harmless says whether the terms are a call of one of takeImage.
func harmless(terms []*ast.Term) bool {
	return len(terms) > 0 && slices.Contains(takeImage, terms[0].Value.String())
}

// arguments looks at those of a harmless call.
func (r *reading) arguments(terms []*ast.Term) {
	for i, t := range terms {
		if i > 0 && t.Value.String() != "input.image" {
			r.walk(t)
		}
	}
}

// follow goes on to what a module imports.
func (r *reading) follow(imported string) {
	if imported == "input" || strings.HasPrefix(imported, "input.") {
		r.traits.Env = true
	}
	name, ok := strings.CutPrefix(imported, "data.")
	if !ok {
		return
	}
	r.traits.Files = true
	file := strings.ReplaceAll(name, ".", "/") + ".rego"
	if r.seen[file] {
		return
	}
	r.seen[file] = true
	data, err := fs.ReadFile(r.files, file)
	if err != nil {
		r.traits.Env = true
		return
	}
	r.module(file, data)
}

// ref looks at what a module refers to.
func (r *reading) ref(ref ast.Ref) {
	head, _ := ref[0].Value.(ast.Var)
	if slices.Contains(readers, string(head)) {
		r.traits.Files = true
	}
	for _, t := range ref[1:] {
		// The sources that an image was made from have the target beside them,
		// as the input has.
		if t.Value.Compare(ast.String("materials")) == 0 {
			r.traits.Env = true
		}
	}
	if head == "input" && readsEnv(ref[1:]) {
		r.traits.Env = true
	}
}

// readsEnv says whether a path in the input leads to the target, or to
// something that it is in.
func readsEnv(path ast.Ref) bool {
	switch key(path, 0) {
	case "", "env":
		return true
	case "image":
		part := key(path, 1)
		return part == "" || part == "provenance" && key(path, 2) == ""
	}
	return false
}

// key is a part of a path, or "" if it is not known or not there.
func key(path ast.Ref, i int) string {
	if i >= len(path) {
		return ""
	}
	s, _ := path[i].Value.(ast.String)
	return string(s)
}
