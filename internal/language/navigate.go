package language

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/orch-build/orch/internal/language/document"
	"github.com/orch-build/orch/internal/language/lsp"
	"github.com/orch-build/orch/internal/language/project"
	"github.com/orch-build/orch/internal/lazyregexp"
)

// asked returns the document that a question is about, and its project.
func (s *Service) asked(ctx context.Context, uri string) (*document.Document, *project.Analysis) {
	path := lsp.PathOf(uri)
	a := s.analysis(ctx, path)
	if path == "" {
		return nil, a
	}
	return s.document(path), a
}

// Definition says where what is at a place is declared.
func (s *Service) Definition(ctx context.Context, p lsp.PositionParams) []lsp.Location {
	d, a := s.asked(ctx, p.TextDocument.URI)
	if d == nil {
		return nil
	}
	here := at(s.occurrences(a, d), d.Offset(p.Position))
	want := symbols(here)
	var out []lsp.Location
	for _, sym := range want {
		switch {
		case sym.kind == kindFile && s.exists(sym.scope):
			out = append(out, lsp.Location{URI: lsp.URIOf(sym.scope)})
		case sym.kind == kindContext:
			out = append(out, s.contextTargets(a, sym)...)
		}
	}
	for _, o := range s.everywhere(ctx, a, d.Path, want) {
		if o.decl {
			out = append(out, s.location(o))
		}
	}
	return unique(out)
}

// contextTargets says where the targets are declared that stand for a named context
// of a Dockerfile.
func (s *Service) contextTargets(a *project.Analysis, sym symbol) []lsp.Location {
	if a == nil || a.Config == nil || a.Dockerfiles[sym.scope] == nil {
		return nil
	}
	var out []lsp.Location
	for _, name := range a.Dockerfiles[sym.scope].Targets {
		t := a.Config.Target(name)
		if t == nil {
			continue
		}
		for key, c := range t.Contexts {
			linked := a.Config.Target(c.Value)
			if !strings.EqualFold(key, sym.name) || linked == nil || !strings.HasPrefix(c.Raw, "target:") {
				continue
			}
			path := a.Abs(linked.Range.Filename)
			if d := s.document(path); d != nil {
				out = append(out, lsp.Location{URI: lsp.URIOf(path), Range: d.RangeOf(linked.Range)})
			}
		}
	}
	return out
}

func (s *Service) location(o occurrence) lsp.Location {
	loc := lsp.Location{URI: lsp.URIOf(o.path)}
	if d := s.document(o.path); d != nil {
		loc.Range = d.Range(o.start, o.end)
	}
	return loc
}

func unique(list []lsp.Location) []lsp.Location {
	slices.SortStableFunc(list, func(a, b lsp.Location) int {
		return cmp.Or(strings.Compare(a.URI, b.URI), cmp.Compare(a.Range.Start.Line, b.Range.Start.Line), cmp.Compare(a.Range.Start.Character, b.Range.Start.Character))
	})
	return slices.Compact(list)
}

// References lists where what is at a place is used.
func (s *Service) References(ctx context.Context, p lsp.ReferenceParams) []lsp.Location {
	d, a := s.asked(ctx, p.TextDocument.URI)
	if d == nil {
		return nil
	}
	want := symbols(at(s.occurrences(a, d), d.Offset(p.Position)))
	var out []lsp.Location
	for _, o := range s.everywhere(ctx, a, d.Path, want) {
		if !o.decl || p.Context.IncludeDeclaration {
			out = append(out, s.location(o))
		}
	}
	return unique(out)
}

// PrepareRename says what would be renamed at a place; nil if nothing can be.
func (s *Service) PrepareRename(ctx context.Context, p lsp.PositionParams) *lsp.PrepareRename {
	d, a := s.asked(ctx, p.TextDocument.URI)
	if d == nil {
		return nil
	}
	for _, o := range at(s.occurrences(a, d), d.Offset(p.Position)) {
		if o.kind != kindFile && !o.other && s.declared(ctx, a, d.Path, o.symbol) {
			return &lsp.PrepareRename{Range: d.Range(o.start, o.end), Placeholder: string(d.Text[o.start:o.end])}
		}
	}
	return nil
}

// declared reports whether a symbol is declared in the project: what the language
// brings along cannot be renamed.
func (s *Service) declared(ctx context.Context, a *project.Analysis, path string, sym symbol) bool {
	return slices.ContainsFunc(s.everywhere(ctx, a, path, []symbol{sym}), func(o occurrence) bool { return o.decl })
}

// nameRules say which names the kinds of symbols can have.
var nameRules = map[kind]*lazyregexp.Regexp{
	kindTarget:   lazyregexp.New(`^[a-zA-Z0-9_-]+$`),
	kindStage:    lazyregexp.New(`^[a-zA-Z][a-zA-Z0-9_.-]*$`),
	kindArg:      lazyregexp.New(`^[a-zA-Z_][a-zA-Z0-9_]*$`),
	kindVariable: lazyregexp.New(`^[a-zA-Z_][a-zA-Z0-9_-]*$`),
}

// ErrName is an error about a new name.
var ErrName = errors.New("cannot be renamed")

// Rename gives what is at a place another name wherever it is named.
func (s *Service) Rename(ctx context.Context, p lsp.RenameParams) (*lsp.WorkspaceEdit, error) {
	d, a := s.asked(ctx, p.TextDocument.URI)
	if d == nil {
		return nil, fmt.Errorf("this file %w", ErrName)
	}
	here := at(s.occurrences(a, d), d.Offset(p.Position))
	here = slices.DeleteFunc(here, func(o occurrence) bool {
		return o.kind == kindFile || o.other || !s.declared(ctx, a, d.Path, o.symbol)
	})
	if len(here) == 0 {
		return nil, fmt.Errorf("what is here %w: this project does not declare it", ErrName)
	}
	for _, o := range here {
		rule := nameRules[o.kind]
		if rule == nil {
			rule = nameRules[kindVariable]
		}
		if o.kind == kindGroup || o.kind == kindTest || o.kind == kindImport {
			rule = nameRules[kindTarget]
		}
		if !rule.MatchString(p.NewName) {
			return nil, fmt.Errorf("%q %w: %q is not a name that a %s can have", o.name, ErrName, p.NewName, o.kind)
		}
		other := o.symbol
		if other.name = p.NewName; o.kind == kindStage {
			other.name = strings.ToLower(p.NewName)
		}
		if other != o.symbol && s.declared(ctx, a, d.Path, other) {
			return nil, fmt.Errorf("%q %w: there is a %s %q already", o.name, ErrName, o.kind, p.NewName)
		}
	}
	edit := &lsp.WorkspaceEdit{Changes: map[string][]lsp.TextEdit{}}
	seen := map[lsp.Location]bool{}
	for _, o := range s.everywhere(ctx, a, d.Path, symbols(here)) {
		loc := s.location(o)
		if o.other || seen[loc] {
			continue
		}
		seen[loc] = true
		edit.Changes[loc.URI] = append(edit.Changes[loc.URI], lsp.TextEdit{Range: loc.Range, NewText: p.NewName})
	}
	return edit, nil
}

// Highlights lists where what is at a place is named in the same text.
func (s *Service) Highlights(ctx context.Context, p lsp.PositionParams) []lsp.Range {
	d, a := s.asked(ctx, p.TextDocument.URI)
	if d == nil {
		return nil
	}
	all := s.occurrences(a, d)
	want := symbols(at(all, d.Offset(p.Position)))
	var out []lsp.Range
	for _, o := range all {
		if slices.Contains(want, o.symbol) {
			out = append(out, d.Range(o.start, o.end))
		}
	}
	return out
}
