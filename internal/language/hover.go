package language

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/language/document"
	"github.com/orch-build/orch/internal/language/lsp"
	"github.com/orch-build/orch/internal/language/project"
	"github.com/orch-build/orch/schema"
)

// digestWait is how long a hover waits for digests: files have to be read for them.
const digestWait = 40 * time.Millisecond

// Hover says what is at a place.
func (s *Service) Hover(ctx context.Context, p lsp.PositionParams) *lsp.Hover {
	d, a := s.asked(ctx, p.TextDocument.URI)
	if d == nil {
		return nil
	}
	h := &hovering{names: names{s, a}, ctx: ctx, doc: d, offset: d.Offset(p.Position)}
	switch {
	case isHCL(d.Path) && (s.definition(d.Path) || a != nil && slices.Contains(a.Files, d.Path)):
		h.definition()
	case s.dockerfile(d.Path):
		h.dockerfile()
	}
	if h.text.Len() == 0 {
		return nil
	}
	r := d.Range(h.start, h.end)
	return &lsp.Hover{Contents: *lsp.Markdown(strings.TrimSpace(h.text.String())), Range: &r}
}

// hovering collects what is said about a place.
type hovering struct {
	names
	ctx        context.Context
	doc        *document.Document
	offset     int
	start, end int
	text       strings.Builder
}

func (h *hovering) say(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if h.a != nil {
		text = h.a.Mask(text)
	}
	if text != "" {
		h.text.WriteString(text + "\n\n")
	}
}

func (h *hovering) over(r hcl.Range) bool {
	if r.Start.Byte <= h.offset && h.offset <= r.End.Byte {
		h.start, h.end = r.Start.Byte, r.End.Byte
		return true
	}
	return false
}

// definition says what is at a place of a definition: a name, an attribute, or the
// expression around it.
func (h *hovering) definition() {
	f := h.s.files.definition(h.doc)
	for _, attr := range f.Body.Attributes {
		if h.over(attr.SrcRange) {
			h.named(f)
			h.expression(f, nil, attr)
			return
		}
	}
	for _, b := range f.Body.Blocks {
		if r := b.Range(); h.offset < r.Start.Byte || h.offset > r.End.Byte {
			continue
		}
		if h.over(b.TypeRange) {
			h.blockKind(b.Type)
			return
		}
		if h.named(f) {
			return
		}
		h.block(f, b, b.Type)
		return
	}
}

func (h *hovering) blockKind(name string) {
	for _, k := range schema.BlockKinds(schema.Build) {
		if k.Name == name {
			h.say("**%s** block", name)
			h.say("%s", k.Doc)
		}
	}
}

// block says what is in a block, or in one inside it.
func (h *hovering) block(f *definitionFile, b *hclsyntax.Block, kind string) {
	for _, attr := range b.Body.Attributes {
		if h.over(attr.NameRange) {
			h.attribute(kind, attr.Name)
			h.resolved(f, b, attr)
			return
		}
		if r := attr.Expr.Range(); r.Start.Byte <= h.offset && h.offset <= r.End.Byte {
			h.expression(f, b, attr)
			return
		}
	}
	for _, inner := range b.Body.Blocks {
		r := inner.Range()
		if r.Start.Byte > h.offset || h.offset > r.End.Byte {
			continue
		}
		if h.over(inner.TypeRange) {
			h.blockKind(inner.Type)
			return
		}
		h.block(f, inner, inner.Type)
		return
	}
}

// attribute says what an attribute is for.
func (h *hovering) attribute(kind, name string) {
	attrs, _ := schema.AttributesOf(kind, schema.Build)
	for _, a := range attrs {
		if a.Name == name {
			h.say("**%s** `%s`", a.Name, a.Type)
			h.say("%s", a.Doc)
		}
	}
}

// maxTargets is for how many targets of a block values are shown.
const maxTargets = 8

// resolved shows the value that an attribute of a target has in the end.
func (h *hovering) resolved(f *definitionFile, b *hclsyntax.Block, attr *hclsyntax.Attribute) {
	if h.a == nil || h.a.Config == nil || b.Type != "target" || len(b.Labels) == 0 {
		h.value(f, nil, attr.Expr)
		return
	}
	values := map[string][]string{}
	var order []string
	targets := h.a.Names.Blocks[h.blockOf(b)]
	for _, t := range targets {
		v := h.a.Config.Shown(t.Name, attr.Name)
		if v == nil {
			continue
		}
		text, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			continue
		}
		if values[string(text)] == nil {
			order = append(order, string(text))
		}
		values[string(text)] = append(values[string(text)], t.Name)
	}
	for i, text := range order {
		if i == maxTargets {
			h.say("… and %d more values", len(order)-i)
			break
		}
		if len(targets) > 1 {
			h.say("`%s`:", some(values[text]))
		}
		h.say("```json\n%s\n```", h.a.Mask(text))
	}
	h.origin(targets, attr)
}

// blockOf is the block as the analysis knows it.
func (h *hovering) blockOf(b *hclsyntax.Block) project.Block {
	return h.names.block(h.doc.Path, b.Labels[0])
}

// origin says where the value comes from if it is not written here.
func (h *hovering) origin(targets []*config.Target, attr *hclsyntax.Attribute) {
	for _, t := range targets {
		at, ok := t.Ranges[attr.Name]
		if !ok || h.a.Abs(at.Filename) == h.doc.Path && at.Start.Line == attr.SrcRange.Start.Line {
			continue
		}
		h.say("from %s:%d", at.Filename, at.Start.Line)
		return
	}
}

// named says what is named at the place.
func (h *hovering) named(f *definitionFile) bool {
	for _, o := range at(f.names(h.names), h.offset) {
		h.start, h.end = o.start, o.end
		n := h.text.Len()
		switch o.kind {
		case kindTarget, kindGroup:
			h.target(o)
		case kindVariable:
			h.variable(o)
		case kindFunction:
			h.function(o)
		case kindStage:
			h.stage(o.scope, o.name)
		case kindArg:
			h.arg(o.scope, o.name)
		case kindLocal:
			h.local(f)
		case kindFile:
			h.say("File `%s`", h.a.Shown(o.scope))
		case kindContext:
			h.say("Context `%s` of `%s`", o.name, h.a.Shown(o.scope))
		case kindImport, kindTest:
			h.blockKind(string(o.kind))
		}
		if h.text.Len() > n {
			return true
		}
	}
	return false
}

// dockerfile says what is at a place of a Dockerfile.
func (h *hovering) dockerfile() {
	f := h.s.files.dockerfile(h.doc)
	for _, o := range at(dockerfileOccurrences(f), h.offset) {
		h.start, h.end = o.start, o.end
		switch o.kind {
		case kindStage:
			h.stage(o.scope, o.name)
		case kindArg:
			h.arg(o.scope, o.name)
		case kindContext:
			h.namedContext(o)
		}
		if h.text.Len() > 0 {
			return
		}
	}
	line := h.doc.Position(h.offset).Line + 1
	i := f.stageAt(line)
	if i < 0 || f.parsed.Stages[i].First != line {
		return
	}
	at := f.source.Lines(line, line)
	h.start, h.end = at.Start.Byte, at.End.Byte
	h.say("stage **%s**", f.parsed.Stages[i].Shown())
	h.usedBy(h.doc.Path, i)
}
