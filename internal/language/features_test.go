package language

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/orch-build/orch/internal/language/lsp"
)

func (e *editor) at(c cursor) lsp.PositionParams {
	return lsp.PositionParams{TextDocument: lsp.TextDocument{URI: e.uri(c.name)}, Position: c.pos}
}

func (c cursor) String() string {
	return fmt.Sprintf("%s:%d:%d", c.name, c.pos.Line+1, c.pos.Character+1)
}

// source is the text of a place.
func (e *editor) source(l lsp.Location) string {
	d := e.document(lsp.PathOf(l.URI))
	if d == nil {
		return ""
	}
	name, _ := filepath.Rel(e.dir, d.Path)
	text := string(d.Text[d.Offset(l.Range.Start):d.Offset(l.Range.End)])
	return strings.TrimSpace(fmt.Sprintf("%s:%s %s", name, place(l.Range), strings.SplitN(text, "\n", 2)[0]))
}

// TestNames looks at definitions, references and renaming.
func TestNames(t *testing.T) {
	ctx := context.Background()
	eachFixture(t, "names", func(e *editor, f *fixture) map[string]string {
		var b strings.Builder
		for _, c := range f.cursors {
			fmt.Fprintf(&b, "%s\n", c)
			for _, l := range e.Definition(ctx, e.at(c)) {
				fmt.Fprintf(&b, "  definition %s\n", e.source(l))
			}
			for _, l := range e.References(ctx, lsp.ReferenceParams{PositionParams: e.at(c)}) {
				fmt.Fprintf(&b, "  used       %s\n", e.source(l))
			}
			if r := e.PrepareRename(ctx, e.at(c)); r != nil {
				fmt.Fprintf(&b, "  renames    %s at %s\n", r.Placeholder, place(r.Range))
			}
			edit, err := e.Rename(ctx, lsp.RenameParams{PositionParams: e.at(c), NewName: "renamed"})
			if err != nil {
				fmt.Fprintf(&b, "  %v\n", err)
				continue
			}
			for _, uri := range slices.Sorted(maps.Keys(edit.Changes)) {
				for _, change := range edit.Changes[uri] {
					fmt.Fprintf(&b, "  changes    %s\n", e.source(lsp.Location{URI: uri, Range: change.Range}))
				}
			}
		}
		return map[string]string{"want/names": b.String()}
	})
}

func TestCompletion(t *testing.T) {
	eachFixture(t, "complete", func(e *editor, f *fixture) map[string]string {
		var b strings.Builder
		for _, c := range f.cursors {
			fmt.Fprintf(&b, "%s\n", c)
			items := e.Complete(context.Background(), e.at(c)).Items
			slices.SortFunc(items, func(a, b lsp.CompletionItem) int { return strings.Compare(a.SortText, b.SortText) })
			for i, item := range items {
				if i == 12 {
					fmt.Fprintln(&b, "  … and more") // how many there are is not the concern of this test
					break
				}
				line := fmt.Sprintf("  %s", item.Label)
				if item.TextEdit.NewText != item.Label {
					line += fmt.Sprintf(" → %q", item.TextEdit.NewText)
				}
				if item.Detail != "" {
					line += " (" + item.Detail + ")"
				}
				if item.Documentation != nil {
					line += " " + strings.ReplaceAll(item.Documentation.Value, "\n", "⏎")
				}
				fmt.Fprintln(&b, line)
			}
		}
		return map[string]string{"want/items": b.String()}
	})
}

func TestHover(t *testing.T) {
	eachFixture(t, "hover", func(e *editor, f *fixture) map[string]string {
		var b strings.Builder
		for _, c := range f.cursors {
			fmt.Fprintf(&b, "%s\n", c)
			h := e.Hover(context.Background(), e.at(c))
			if h == nil {
				fmt.Fprintln(&b, "  nothing")
				continue
			}
			for _, line := range strings.Split(h.Contents.Value, "\n") {
				fmt.Fprintf(&b, "%s\n", strings.TrimRight("  "+line, " "))
			}
		}
		return map[string]string{"want/hover": b.String()}
	})
}

// apply carries out the changes of an action, and returns the texts after them.
func (e *editor) apply(edit *lsp.WorkspaceEdit) string {
	var b strings.Builder
	for _, uri := range slices.Sorted(maps.Keys(edit.Changes)) {
		d := e.document(lsp.PathOf(uri))
		var changes []lsp.ContentChange
		for _, c := range edit.Changes[uri] {
			changes = append(changes, lsp.ContentChange{Range: &c.Range, Text: c.NewText})
		}
		after := d.Apply(2, changes)
		name, _ := filepath.Rel(e.dir, d.Path)
		before, now := strings.Split(string(d.Text), "\n"), strings.Split(string(after.Text), "\n")
		fmt.Fprintf(&b, "  %s\n", name)
		for i, line := range now {
			if !slices.Contains(before, line) {
				fmt.Fprintf(&b, "    %d %s\n", i+1, line)
			}
		}
		if len(now) < len(before) {
			fmt.Fprintf(&b, "    %d lines less\n", len(before)-len(now))
		}
	}
	for _, c := range edit.DocumentChanges {
		text, _ := json.Marshal(c)
		fmt.Fprintf(&b, "  %s\n", strings.ReplaceAll(string(text), lsp.URIOf(e.dir), "DIR"))
	}
	return b.String()
}

func TestActions(t *testing.T) {
	ctx := context.Background()
	eachFixture(t, "actions", func(e *editor, f *fixture) map[string]string {
		e.diagnostics()
		var b strings.Builder
		for _, path := range slices.Sorted(maps.Keys(e.published)) {
			for _, d := range e.published[path] {
				p := lsp.CodeActionParams{TextDocument: lsp.TextDocument{URI: lsp.URIOf(path)}, Range: d.Range}
				p.Context.Diagnostics = []lsp.Diagnostic{d}
				for _, action := range e.Actions(ctx, p) {
					name, _ := filepath.Rel(e.dir, path)
					fmt.Fprintf(&b, "%s:%s %s: %s\n%s", name, place(d.Range), d.Code, action.Title, e.apply(action.Edit))
				}
			}
		}
		for _, path := range e.store.Paths() {
			name, _ := filepath.Rel(e.dir, path)
			for _, l := range e.Lenses(ctx, lsp.URIOf(path)) {
				text, _ := json.Marshal(l.Command.Arguments)
				fmt.Fprintf(&b, "lens %s:%s %s %s %s\n", name, place(l.Range), l.Command.Title, l.Command.Command, strings.ReplaceAll(string(text), e.dir, "DIR"))
			}
		}
		return map[string]string{"want/actions": b.String()}
	})
}

// TestOutline looks at symbols, folding and formatting.
func TestOutline(t *testing.T) {
	ctx := context.Background()
	eachFixture(t, "outline", func(e *editor, f *fixture) map[string]string {
		var b strings.Builder
		var list func(indent string, symbols []lsp.DocumentSymbol)
		list = func(indent string, symbols []lsp.DocumentSymbol) {
			for _, s := range symbols {
				fmt.Fprintf(&b, "%s%s %s %s\n", indent, s.Name, s.Detail, place(s.Range))
				list(indent+"  ", s.Children)
			}
		}
		for _, path := range e.store.Paths() {
			name, _ := filepath.Rel(e.dir, path)
			fmt.Fprintf(&b, "%s\n", name)
			list("  ", e.Symbols(ctx, lsp.URIOf(path)))
			for _, r := range e.Folding(ctx, lsp.URIOf(path)) {
				fmt.Fprintf(&b, "  fold %d-%d %s\n", r.StartLine+1, r.EndLine+1, r.Kind)
			}
			for _, edit := range e.Format(ctx, lsp.URIOf(path)) {
				fmt.Fprintf(&b, "  format %s %q\n", place(edit.Range), edit.NewText)
			}
		}
		for _, s := range e.WorkspaceSymbols(ctx, "A") {
			fmt.Fprintf(&b, "workspace %s in %s\n", s.Name, s.ContainerName)
		}
		return map[string]string{"want/outline": b.String()}
	})
}
