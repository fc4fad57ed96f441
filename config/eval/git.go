package eval

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/internal/suggest"
)

// GitFacts are the values that expressions read as git.FACT: the commit, the
// same shortened, the tag on it, the branch, whether files differ from it, its
// time as RFC 3339, and the folder of the repository. Each is null if there is
// none.
var GitFacts = []string{"sha", "short", "tag", "branch", "dirty", "commit_time", "root"}

// withGit returns a scope in which the facts that an expression asks for have
// their values. Only these are read, each once.
func (ev *Evaluator) withGit(refs []reference, expr hcl.Expression, scope *hcl.EvalContext) (*hcl.EvalContext, hcl.Diagnostics) {
	dir := filepath.Dir(expr.Range().Filename)
	var diags hcl.Diagnostics
	facts := map[string]cty.Value{}
	for _, r := range refs {
		for _, fact := range GitFacts {
			if r.name != fact && r.name != "" {
				continue
			}
			v, err := ev.gitFact(dir, fact)
			if err != nil {
				diags = append(diags, &hcl.Diagnostic{
					Severity: hcl.DiagError,
					Summary:  "Unreadable repository",
					Detail:   attribute.Sentence(fmt.Errorf("reading git.%s: %w", fact, err)),
					Subject:  r.at.Ptr(),
				})
			}
			facts[fact] = v
		}
		if r.name != "" && !slices.Contains(GitFacts, r.name) {
			diags = append(diags, &hcl.Diagnostic{
				Severity: hcl.DiagError,
				Summary:  "Unknown git value",
				Detail:   fmt.Sprintf("There is no git.%s; there are %s.%s", r.name, strings.Join(GitFacts, ", "), suggest.Sentence(r.name, GitFacts)),
				Subject:  r.at.Ptr(),
			})
		}
	}
	child := scope.NewChild()
	child.Variables = map[string]cty.Value{"git": cty.ObjectVal(facts)}
	return child, diags
}

// gitFact reads one fact, or remembers it.
func (ev *Evaluator) gitFact(dir, fact string) (cty.Value, error) {
	null := cty.NullVal(cty.String)
	if fact == "dirty" {
		null = cty.NullVal(cty.Bool)
	}
	if ev.in.Git == nil {
		return null, nil
	}
	key := dir + "\x00" + fact
	if v, ok := ev.git[key]; ok {
		return v, nil
	}
	got, err := ev.in.Git(dir, fact)
	v := null
	switch got := got.(type) {
	case string:
		v = cty.StringVal(got)
	case bool:
		v = cty.BoolVal(got)
	}
	ev.git[key] = v
	return v, err
}

// explainNull adds to errors about null where a git value was asked for that
// is not there.
func explainNull(diags hcl.Diagnostics, refs []reference) {
	if len(refs) == 0 {
		return
	}
	for _, d := range diags {
		if strings.Contains(d.Detail, "null") {
			d.Detail += fmt.Sprintf(" git.%s is null where there is no git repository, or no such thing in it; coalesce(git.%s, \"none\") gives another value then.",
				refs[0].name, refs[0].name)
		}
	}
}
