package language

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/orch-build/orch/internal/language/document"
	"github.com/orch-build/orch/internal/language/lsp"
	"github.com/orch-build/orch/internal/language/project"
	"github.com/orch-build/orch/schema"
)

// completion collects what could be written at a place of a definition.
type completion struct {
	names
	doc     *document.Document
	place   *cursorPlace
	offset  int
	dialect schema.Dialect
	items   []lsp.CompletionItem
}

// Complete lists what could be written at a place.
func (s *Service) Complete(ctx context.Context, p lsp.PositionParams) lsp.CompletionList {
	out := lsp.CompletionList{Items: []lsp.CompletionItem{}}
	d, a := s.asked(ctx, p.TextDocument.URI)
	if d == nil {
		return out
	}
	offset := d.Offset(p.Position)
	switch {
	case s.definition(d.Path) && isHCL(d.Path) || a != nil && slices.Contains(a.Files, d.Path) && isHCL(d.Path):
		c := &completion{names: names{s, a}, doc: d, place: findCursor(d.Text, offset), offset: offset, dialect: s.dialect(a, d.Path)}
		if !inComment(d, offset) {
			c.complete()
		}
		out.Items = append(out.Items, c.items...)
	case s.dockerfile(d.Path):
		out.Items = append(out.Items, s.completeDockerfile(a, d, offset)...)
	}
	return out
}

// dialect is how a definition is read: an imported file as build.hcl.
func (s *Service) dialect(a *project.Analysis, file string) schema.Dialect {
	dialect := schema.DialectOf(file)
	if a != nil && !slices.Contains(a.Main, file) && slices.Contains(a.Files, file) && !strings.HasPrefix(filepath.Base(file), "docker-bake.") {
		dialect = schema.Build
	}
	return dialect
}

// inComment reports whether a place is in a comment that goes to the end of its line.
func inComment(d *document.Document, offset int) bool {
	line := d.Text[:offset]
	line = line[strings.LastIndexByte(string(line), '\n')+1:]
	text := strings.TrimSpace(string(line))
	return strings.HasPrefix(text, "#") || strings.HasPrefix(text, "//")
}

// choice is something that could be written.
type choice struct {
	label  string
	kind   lsp.CompletionItemKind
	detail string
	doc    string
	// insert is written in its place, as a snippet if snippet is true.
	insert  string
	snippet bool
	rank    int // smaller ones come first
}

func (c *completion) offer(list ...choice) {
	r := c.doc.Range(c.place.start, c.offset)
	for _, ch := range list {
		item := lsp.CompletionItem{
			Label: ch.label, Kind: ch.kind, Detail: ch.detail, SortText: fmt.Sprintf("%d%s", ch.rank, ch.label),
			TextEdit: &lsp.TextEdit{Range: r, NewText: cmp.Or(ch.insert, ch.label)},
		}
		if ch.snippet {
			item.InsertTextFormat = lsp.FormatSnippet
		}
		if ch.doc != "" {
			item.Documentation = lsp.Markdown(ch.doc)
		}
		c.items = append(c.items, item)
	}
}

func (c *completion) complete() {
	top := c.place.top()
	switch {
	case top == nil:
		c.blocks(schema.BlockKinds(c.dialect))
	case top.kind == blockFrame && top.key == "":
		c.attributes(top)
	case c.place.inText():
		c.text()
	case top.kind == objectFrame && top.key == "":
		c.objectKeys()
	default:
		c.expression()
	}
}

// blocks offers kinds of blocks.
func (c *completion) blocks(kinds []schema.BlockKind) {
	for _, k := range kinds {
		insert := k.Name + " {\n  $0\n}"
		if k.Label {
			insert = k.Name + " \"${1:name}\" {\n  $0\n}"
		}
		c.offer(choice{label: k.Name, kind: lsp.KindClass, detail: "block", doc: k.Doc, insert: insert, snippet: true})
	}
}

// attributes offers what a block may have and does not have yet.
func (c *completion) attributes(top *frame) {
	attrs, ok := schema.AttributesOf(top.name, c.dialect)
	if !ok {
		return
	}
	written := c.written(top)
	for i, a := range attrs {
		if slices.Contains(written, a.Name) || a.Misplaced() {
			continue
		}
		rank := 1
		if a.Required {
			rank = 0
		}
		insert, snippet := attributeSnippet(a)
		_ = i
		c.offer(choice{label: a.Name, kind: lsp.KindProperty, detail: a.Type, doc: a.Doc, insert: insert, snippet: snippet, rank: rank})
	}
	if len(c.place.frames) == 1 {
		c.blocks(schema.NestedKinds(top.name, c.dialect))
	}
}

// attributeSnippet is an attribute with room for its value.
func attributeSnippet(a schema.Attribute) (text string, snippet bool) {
	switch {
	case a.Type == "string":
		return a.Name + ` = "$0"`, true
	case strings.HasPrefix(a.Type, "list(string)"):
		return a.Name + ` = ["$0"]`, true
	case strings.HasPrefix(a.Type, "list("):
		return a.Name + ` = [{ $0 }]`, true
	case strings.HasPrefix(a.Type, "map("), a.Type == "object":
		return a.Name + " = {\n    $0\n  }", true
	}
	return a.Name + " = $0", true
}

// written lists the attributes of the block around the cursor, before and behind it.
func (c *completion) written(top *frame) []string {
	out := slices.Clone(top.keys)
	f := c.s.files.definition(c.doc)
	for _, b := range f.Body.Blocks {
		if r := b.Range(); r.Start.Byte <= c.offset && c.offset <= r.End.Byte && b.Type == top.name {
			for name := range b.Body.Attributes {
				out = append(out, name)
			}
		}
	}
	return out
}

// attribute is the block and the attribute that the cursor is in, as in
// "target.contexts", and the keys of objects inside.
func (c *completion) attribute() (name string, keys []string) {
	b := c.place.block()
	if b == nil {
		return "", nil
	}
	return b.name + "." + b.key, c.place.keys()
}

// label is the label of the outermost block.
func (c *completion) label() string {
	if b := c.place.outer(); b != nil {
		return b.label
	}
	return ""
}
