package language

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/orch-build/orch/internal/language/document"
	"github.com/orch-build/orch/internal/language/lsp"
	"github.com/orch-build/orch/schema/hclfmt"
)

// symbolKinds are the icons of blocks.
var symbolKinds = map[string]lsp.SymbolKind{
	"target": lsp.SymbolClass, "group": lsp.SymbolEnum, "variable": lsp.SymbolVariable, "function": lsp.SymbolFunction,
	"import": lsp.SymbolModule, "test": lsp.SymbolEvent,
}

// Symbols lists what a document declares.
func (s *Service) Symbols(ctx context.Context, uri string) []lsp.DocumentSymbol {
	d, _ := s.asked(ctx, uri)
	switch {
	case d == nil:
		return nil
	case s.definition(d.Path) && isHCL(d.Path):
		return definitionSymbols(s.files.definition(d))
	case s.dockerfile(d.Path):
		return dockerfileSymbols(s.files.dockerfile(d))
	}
	return nil
}

func definitionSymbols(f *definitionFile) []lsp.DocumentSymbol {
	var out []lsp.DocumentSymbol
	for _, name := range sortedAttributes(f.Body) {
		attr := f.Body.Attributes[name]
		out = append(out, symbolOf(f.doc, name, "", lsp.SymbolConstant, attr.Range(), attr.NameRange))
	}
	for _, b := range f.Body.Blocks {
		out = append(out, blockSymbol(f.doc, b))
	}
	slices.SortStableFunc(out, func(a, b lsp.DocumentSymbol) int {
		return cmp.Compare(a.Range.Start.Line, b.Range.Start.Line)
	})
	return out
}

func blockSymbol(d *document.Document, b *hclsyntax.Block) lsp.DocumentSymbol {
	name, selection := b.Type, b.TypeRange
	if len(b.Labels) > 0 {
		name, selection = b.Labels[0], inQuotes(b.LabelRanges[0], d.Text)
	}
	kind := symbolKinds[b.Type]
	if kind == 0 {
		kind = lsp.SymbolProperty
	}
	out := symbolOf(d, name, b.Type, kind, b.Range(), selection)
	for _, attr := range sortedAttributes(b.Body) {
		a := b.Body.Attributes[attr]
		out.Children = append(out.Children, symbolOf(d, attr, "", lsp.SymbolProperty, a.Range(), a.NameRange))
	}
	for _, inner := range b.Body.Blocks {
		out.Children = append(out.Children, blockSymbol(d, inner))
	}
	return out
}

func symbolOf(d *document.Document, name, detail string, kind lsp.SymbolKind, all, selection hcl.Range) lsp.DocumentSymbol {
	if name == "" {
		name = "(no name)" // clients refuse an empty one
	}
	return lsp.DocumentSymbol{Name: name, Detail: detail, Kind: kind, Range: d.RangeOf(all), SelectionRange: d.RangeOf(selection)}
}

// sortedAttributes are the attributes of a body in the order of the text.
func sortedAttributes(b *hclsyntax.Body) []string {
	names := make([]string, 0, len(b.Attributes))
	for name := range b.Attributes {
		names = append(names, name)
	}
	slices.SortFunc(names, func(x, y string) int {
		return cmp.Compare(b.Attributes[x].NameRange.Start.Byte, b.Attributes[y].NameRange.Start.Byte)
	})
	return names
}

func dockerfileSymbols(f *dockerFile) []lsp.DocumentSymbol {
	var out []lsp.DocumentSymbol
	for _, o := range dockerfileOccurrences(f) {
		if o.decl && o.kind == kindArg && (len(f.parsed.Stages) == 0 || f.doc.Position(o.start).Line < f.parsed.Stages[0].First-1) {
			r := f.doc.Range(o.start, o.end)
			out = append(out, lsp.DocumentSymbol{Name: o.name, Detail: "argument", Kind: lsp.SymbolConstant, Range: r, SelectionRange: r})
		}
	}
	for _, st := range f.parsed.Stages {
		sym := symbolOf(f.doc, st.Shown(), "stage from "+st.Base, lsp.SymbolClass, f.source.Lines(st.First, st.Last), f.source.Lines(st.First, st.First))
		for _, a := range st.Decls {
			for _, k := range st.Cmds {
				if strings.HasPrefix(strings.ToUpper(k.Text), "ARG") && strings.Contains(k.Text, a.Key) {
					r := f.doc.RangeOf(f.source.Word(k.First, k.Last, a.Key))
					sym.Children = append(sym.Children, lsp.DocumentSymbol{Name: a.Key, Detail: "argument", Kind: lsp.SymbolConstant, Range: r, SelectionRange: r})
					break
				}
			}
		}
		out = append(out, sym)
	}
	return out
}

// maxSymbols is how many symbols of the workspace are listed.
const maxSymbols = 500

// WorkspaceSymbols lists what the open projects declare, by a part of the name.
func (s *Service) WorkspaceSymbols(ctx context.Context, query string) []lsp.SymbolInformation {
	s.mu.Lock()
	analyses := slices.Clone(s.analyses)
	s.mu.Unlock()
	query = strings.ToLower(query)
	out := []lsp.SymbolInformation{}
	seen := map[string]bool{}
	for _, a := range analyses {
		paths := slices.Clone(a.Files)
		for p := range a.Dockerfiles {
			paths = append(paths, p)
		}
		slices.Sort(paths)
		for _, path := range paths {
			d := s.document(path)
			if seen[path] || d == nil || ctx.Err() != nil {
				continue
			}
			seen[path] = true
			for _, o := range s.occurrences(a, d) {
				kind, ok := workspaceKinds[o.kind]
				if !o.decl || !ok || !strings.Contains(strings.ToLower(o.name), query) {
					continue
				}
				if out = append(out, lsp.SymbolInformation{Name: o.name, Kind: kind, Location: s.location(o), ContainerName: a.Shown(path)}); len(out) == maxSymbols {
					return out
				}
			}
		}
	}
	return out
}

var workspaceKinds = map[kind]lsp.SymbolKind{
	kindTarget: lsp.SymbolClass, kindGroup: lsp.SymbolEnum, kindVariable: lsp.SymbolVariable, kindFunction: lsp.SymbolFunction,
	kindImport: lsp.SymbolModule, kindTest: lsp.SymbolEvent, kindStage: lsp.SymbolClass,
}

// Folding lists the parts of a document that can be folded.
func (s *Service) Folding(ctx context.Context, uri string) []lsp.FoldingRange {
	d, _ := s.asked(ctx, uri)
	if d == nil {
		return nil
	}
	var out []lsp.FoldingRange
	fold := func(first, last int, kind string) {
		if last > first {
			out = append(out, lsp.FoldingRange{StartLine: first, EndLine: last, Kind: kind})
		}
	}
	switch {
	case s.definition(d.Path) && isHCL(d.Path):
		f := s.files.definition(d)
		_ = hclsyntax.VisitAll(f.Body, func(node hclsyntax.Node) hcl.Diagnostics {
			switch n := node.(type) {
			case *hclsyntax.Block:
				fold(n.TypeRange.Start.Line-1, n.CloseBraceRange.Start.Line-2, "")
			case *hclsyntax.ObjectConsExpr, *hclsyntax.TupleConsExpr:
				fold(n.Range().Start.Line-1, n.Range().End.Line-2, "")
			}
			return nil
		})
	case s.dockerfile(d.Path):
		for _, st := range s.files.dockerfile(d).parsed.Stages {
			fold(st.First-1, st.Last-1, "")
		}
	}
	comments(d, fold)
	return out
}

// comments folds lines of comments that are together.
func comments(d *document.Document, fold func(first, last int, kind string)) {
	begin := -1
	lines := strings.Split(string(d.Text), "\n")
	for i, line := range append(lines, "") {
		line = strings.TrimSpace(line)
		switch comment := strings.HasPrefix(line, "#") || strings.HasPrefix(line, "//"); {
		case comment && begin < 0:
			begin = i
		case !comment && begin >= 0:
			fold(begin, i-1, "comment")
			begin = -1
		}
	}
}

// Format returns what 'orch fmt' would change; nothing if the text is wrong.
func (s *Service) Format(ctx context.Context, uri string) []lsp.TextEdit {
	d, _ := s.asked(ctx, uri)
	if d == nil || !s.definition(d.Path) || !isHCL(d.Path) {
		return nil
	}
	text, diags := hclfmt.Format(d.Path, d.Text)
	if diags.HasErrors() || string(text) == string(d.Text) {
		return nil
	}
	return lineEdits(d, string(text))
}

// lineEdits replaces the lines that differ: the formatter never adds or takes lines,
// so that each is compared with itself.
func lineEdits(d *document.Document, text string) []lsp.TextEdit {
	before, after := strings.SplitAfter(string(d.Text), "\n"), strings.SplitAfter(text, "\n")
	if len(before) != len(after) {
		return []lsp.TextEdit{{Range: d.Range(0, len(d.Text)), NewText: text}}
	}
	var out []lsp.TextEdit
	start := 0
	for i := range before {
		if end := start + len(before[i]); before[i] != after[i] {
			out = append(out, lsp.TextEdit{Range: d.Range(start, end), NewText: after[i]})
		}
		start += len(before[i])
	}
	return out
}
