package language

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/orch-build/orch/internal/fault"
	"github.com/orch-build/orch/internal/language/document"
	"github.com/orch-build/orch/internal/language/lsp"
	"github.com/orch-build/orch/internal/language/project"
	"github.com/orch-build/orch/internal/suggest"
	"github.com/orch-build/orch/internal/termtext"
)

// source is who reports diagnostics.
const source = "orch"

// maxDiagnostics is how many of them one file may have.
const maxDiagnostics = 200

// report publishes what the analyses found, and takes back what is not so any more.
// Only Run calls it.
func (s *Service) report(list []*project.Analysis) {
	found := map[string][]lsp.Diagnostic{}
	texts := map[string]*document.Document{}
	for i, a := range list {
		for path, diags := range s.diagnosticsOf(a) {
			if covering(list[:i], path) != nil {
				continue // reported by the project around this one
			}
			found[path] = append(found[path], diags...)
			texts[path] = a.Documents[path]
		}
	}
	open := s.store.Paths()
	for _, path := range open {
		if covering(list, path) == nil && dockerfileName.MatchString(filepath.Base(path)) {
			d := s.store.Get(path)
			if d == nil {
				continue
			}
			for _, diag := range project.Alone(path, d.Text) {
				found[path] = append(found[path], converted(d, diag))
			}
			texts[path] = d
		}
		if _, ok := found[path]; !ok {
			found[path] = nil
		}
	}
	for path := range s.published {
		if _, ok := found[path]; !ok {
			found[path] = nil
		}
	}
	for _, path := range slices.Sorted(maps.Keys(found)) {
		diags := found[path]
		if len(diags) == 0 && !s.published[path] && !slices.Contains(open, path) {
			continue
		}
		if diags == nil {
			diags = []lsp.Diagnostic{}
		}
		p := lsp.PublishDiagnostics{URI: lsp.URIOf(path), Diagnostics: diags[:min(len(diags), maxDiagnostics)]}
		if d := texts[path]; d != nil && d.Open {
			p.Version = &d.Version
		}
		s.opt.Publish(p)
		if s.published[path] = len(diags) > 0; !s.published[path] {
			delete(s.published, path)
		}
	}
}

// diagnosticsOf returns what is wrong in the files of a project, each thing once.
func (s *Service) diagnosticsOf(a *project.Analysis) map[string][]lsp.Diagnostic {
	out := map[string][]lsp.Diagnostic{}
	seen := map[string]bool{}
	for _, diag := range a.Diags {
		path := ""
		if diag.Subject != nil {
			path = diag.Subject.Filename
		}
		d := a.Documents[path]
		if d == nil && len(a.Main) > 0 {
			path = a.Main[0]
			d = a.Documents[path]
		}
		key := path + "\x00" + diag.Error()
		if d == nil || seen[key] {
			continue
		}
		seen[key] = true
		out[path] = append(out[path], converted(d, diag))
	}
	for _, path := range a.Files {
		if d := a.Documents[path]; d != nil && a.Definition != nil {
			out[path] = append(out[path], s.strangers(a, d)...)
		}
	}
	for path := range a.Dockerfiles {
		if d := a.Documents[path]; d != nil {
			out[path] = append(out[path], s.unused(a, d)...)
		}
	}
	return out
}

// strangers reports the members of groups that there are not. No command looks at a
// group that nobody asks for.
func (s *Service) strangers(a *project.Analysis, d *document.Document) []lsp.Diagnostic {
	if !isHCL(d.Path) {
		return nil
	}
	f := s.files.definition(d)
	var out []lsp.Diagnostic
	for _, b := range f.Body.Blocks {
		attr := b.Body.Attributes["targets"]
		if b.Type != "group" || attr == nil {
			continue
		}
		for _, text := range literals(attr.Expr) {
			if _, _, ok := a.Names.Resolve(d.Path, text.value); ok || f.Lossy || strings.ContainsAny(text.value, "*?[") {
				continue
			}
			out = append(out, lsp.Diagnostic{
				Range: d.Range(text.at.Start.Byte, text.at.End.Byte), Severity: lsp.SeverityError, Code: "Unknown target", Source: source,
				Message: fmt.Sprintf("Unknown target: There is no target or group %q.%s", text.value, suggest.Sentence(text.value, targetNames(a, d.Path))),
			})
		}
	}
	return out
}

// targetNames lists the targets and groups as a file names them.
func targetNames(a *project.Analysis, path string) []string {
	prefix := ""
	if p := a.Names.Prefixes[path]; len(p) > 0 {
		prefix = p[0]
	}
	var out []string
	for _, all := range []map[string]project.Block{a.Names.Targets, a.Names.Groups} {
		for name := range all {
			if rest, ok := strings.CutPrefix(name, prefix); ok {
				out = append(out, rest)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// converted returns a diagnostic for a text.
func converted(d *document.Document, diag *fault.Diagnostic) lsp.Diagnostic {
	summary := termtext.Brief(diag.Summary, termtext.MaxSource)
	out := lsp.Diagnostic{Severity: lsp.SeverityError, Code: summary, Source: source, Message: summary}
	if diag.Detail != "" {
		out.Message = summary + ": " + termtext.Brief(diag.Detail, termtext.MaxMessage)
	}
	if diag.Severity == fault.Warning {
		out.Severity = lsp.SeverityWarning
	}
	if diag.Subject != nil && diag.Subject.Filename == d.Path {
		out.Range = d.RangeOf(*diag.Subject)
		if strings.HasPrefix(diag.Summary, "Unused ") {
			out.Tags = []int{lsp.TagUnnecessary}
		}
	}
	return out
}
