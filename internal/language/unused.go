package language

import (
	"bytes"
	"fmt"

	"github.com/orch-build/orch/internal/language/document"
	"github.com/orch-build/orch/internal/language/lsp"
	"github.com/orch-build/orch/internal/language/project"
	"github.com/orch-build/orch/planner/dockerfile"
)

// unused reports the stages of a Dockerfile that no target of the project reaches,
// and the arguments whose value nothing can see.
func (s *Service) unused(a *project.Analysis, d *document.Document) []lsp.Diagnostic {
	use := a.Dockerfiles[d.Path]
	f := s.files.dockerfile(d)
	if use == nil || len(f.parsed.Errs) > 0 {
		return nil
	}
	var out []lsp.Diagnostic
	hint := func(r lsp.Range, code, format string, args ...any) {
		out = append(out, lsp.Diagnostic{
			Range: r, Severity: lsp.SeverityHint, Code: code, Source: source,
			Message: fmt.Sprintf(format, args...), Tags: []int{lsp.TagUnnecessary},
		})
	}
	for _, b := range use.Builds {
		if !bytes.Equal(b.Dockerfile.Data, d.Text) {
			return nil // the plan is of another text
		}
	}
	if use.Planned {
		for i, st := range f.parsed.Stages {
			if len(use.Stages[i]) == 0 {
				hint(d.RangeOf(f.source.Lines(st.First, st.Last)), "Unused stage", "No target of the project uses the stage %s.", st.Shown())
			}
		}
	}
	reported := map[string]bool{}
	for _, o := range dockerfileOccurrences(f) {
		if o.kind == kindArg && o.decl && !reported[o.name] && f.isUnused(o.name) {
			reported[o.name] = true
			hint(d.Range(o.start, o.end), "Unused argument", "Nothing in this Dockerfile uses the argument %s.", o.name)
		}
	}
	return out
}

// isUnused reports whether no instruction can see the value of an argument: none puts
// it in, and no RUN has it in its environment.
func (f *dockerFile) isUnused(name string) bool {
	if dockerfile.IsAutomatic(name) {
		return false
	}
	for _, m := range usedName.FindAllSubmatch(f.doc.Text, -1) {
		if string(m[1]) == name {
			return false
		}
	}
	visible := false // in the stage at hand, or one above that it may start from
	for _, st := range f.parsed.Stages {
		for _, a := range st.Decls {
			visible = visible || a.Key == name
		}
		if visible && st.HasRun {
			return false
		}
	}
	return true
}
