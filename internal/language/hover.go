package language

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/config/funcs"
	"github.com/orch-build/orch/internal/language/document"
	"github.com/orch-build/orch/internal/language/lsp"
	"github.com/orch-build/orch/internal/language/project"
	"github.com/orch-build/orch/planner"
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

// local shows the values of an axis.
func (h *hovering) local(f *definitionFile) {
	for _, b := range f.Body.Blocks {
		r := b.Range()
		if r.Start.Byte > h.offset || h.offset > r.End.Byte {
			continue
		}
		attr := b.Body.Attributes["matrix"]
		if attr == nil {
			h.say("A parameter of the function `%s`", strings.Join(b.Labels, ""))
			return
		}
		name := string(h.doc.Text[h.start:h.end])
		for _, e := range elements(attr.Expr) {
			if e.key == name {
				h.say("**%s** axis of the matrix", name)
				h.value(f, nil, e.value)
			}
		}
	}
}

// variable says what a variable or constant is, and where its value comes from.
func (h *hovering) variable(o occurrence) {
	if h.a == nil || h.a.Definition == nil {
		return
	}
	for _, m := range h.a.Definition.Modules() {
		if len(m.Files) == 0 || h.scope(h.a.Abs(m.Files[0].Name)) != o.scope {
			continue
		}
		for _, v := range h.a.Variables(m) {
			if v.Name != o.name {
				continue
			}
			h.say("**%s** variable `%s`", v.Name, cmp.Or(v.Type, "any"))
			h.say("%s", v.Description)
			if v.Value != nil {
				h.say("```hcl\n%s = %s\n```", v.Name, *v.Value)
				h.say("from %s", map[string]string{"environment": "the environment", "default": "its default", "import": "the import"}[v.Source])
			} else {
				h.say("It has no value.")
			}
			return
		}
		for _, f := range m.Files {
			if c := f.Constants[o.name]; c != nil {
				h.say("**%s** constant", o.name)
				if text, ok := h.a.Value(m, c.Expr, ""); ok {
					h.say("```hcl\n%s = %s\n```", o.name, text)
				}
				h.say("from %s:%d", c.Range.Filename, c.Range.Start.Line)
				return
			}
		}
	}
}

// function says what a function does.
func (h *hovering) function(o occurrence) {
	if f, ok := funcs.Standard(funcs.Machine{})[o.name]; ok {
		h.say("```hcl\n%s\n```", funcs.Signature(o.name, f))
		h.say("%s", funcs.Describe(o.name, f))
		return
	}
	h.say("**%s** function of the definition", o.name)
}

// target says what a target or group is.
func (h *hovering) target(o occurrence) {
	if h.a == nil || h.a.Config == nil {
		return
	}
	path := o.scope
	if path == "" {
		path = h.doc.Path
	}
	b := h.names.block(path, o.name)
	if o.kind == kindGroup {
		h.group(b)
		return
	}
	targets := h.a.Names.Blocks[b]
	word := string(h.doc.Text[h.start:h.end])
	for _, t := range targets {
		if len(targets) > 1 && (t.Name == word || strings.HasSuffix(t.Name, "."+word)) {
			targets = []*config.Target{t} // one of a matrix
			break
		}
	}
	if len(targets) > 1 {
		var list []string
		for _, t := range targets {
			list = append(list, t.Name)
		}
		h.say("**%s** makes %d targets: %s", o.name, len(targets), some(list))
		return
	}
	for _, t := range targets {
		h.oneTarget(t)
	}
}

func (h *hovering) group(b project.Block) {
	for _, g := range h.a.Definition.Groups() {
		if h.a.Names.Groups[g.Name] == b {
			h.say("**%s** group", g.Name)
			h.say("%s", g.Description)
			h.say("%s", some(g.Targets))
		}
	}
}

// oneTarget says what a target is built from, and with what it shares its stages.
func (h *hovering) oneTarget(t *config.Target) {
	h.say("**%s** target", t.Name)
	h.say("%s", t.Description)
	if t.Template {
		h.say("It is there to be inherited.")
	}
	var lines []string
	if file := h.a.DockerfileOf(t); file != "" {
		lines = append(lines, "Dockerfile: `"+h.a.Shown(file)+"`")
	}
	if t.Context.Raw != "" {
		lines = append(lines, "context: `"+t.Context.Raw+"`")
	}
	if len(t.Tags) > 0 {
		lines = append(lines, "tags: `"+some(t.Tags)+"`")
	}
	if len(t.Platforms) > 0 {
		var list []string
		for _, p := range t.Platforms {
			list = append(list, p.String())
		}
		lines = append(lines, "platforms: `"+some(list)+"`")
	}
	if b := h.a.Build(t.Name); b != nil {
		lines = append(lines, h.stages(b)...)
		ctx, cancel := context.WithTimeout(h.ctx, digestWait)
		defer cancel()
		digest, waiting := h.s.digests.get(ctx, h.a.Plan, t.Name)
		switch {
		case digest != "":
			lines = append(lines, "digest: `"+digest+"`")
		case waiting:
			lines = append(lines, "digest: being computed, see again in a moment")
		}
	}
	if len(lines) > 0 {
		h.say("%s", "- "+strings.Join(lines, "\n- "))
	}
}

// stages lists the stages of a build, and the targets that share them.
func (h *hovering) stages(b *planner.Build) []string {
	var own, lines []string
	sharing := map[string][]string{}
	var order []string
	for _, v := range h.a.Plan.Reached()[b.Name()] {
		if v.Kind != planner.Stage || slices.Contains(own, v.Name) {
			continue
		}
		own = append(own, v.Name)
		others := slices.DeleteFunc(slices.Clone(v.Targets), func(name string) bool { return name == b.Name() })
		if key := some(others); len(others) > 0 {
			if sharing[key] == nil {
				order = append(order, key)
			}
			sharing[key] = append(sharing[key], v.Name)
		}
	}
	if len(own) > 0 {
		lines = append(lines, "stages: "+some(own))
	}
	for _, key := range order {
		lines = append(lines, fmt.Sprintf("shares %s with %s", some(sharing[key]), key))
	}
	return lines
}

// stage says what a stage of a Dockerfile is, and who uses it.
func (h *hovering) stage(path, name string) {
	d := h.s.document(path)
	if d == nil {
		return
	}
	f := h.s.files.dockerfile(d)
	i, ok := f.parsed.Find(name)
	if !ok {
		return
	}
	st := f.parsed.Stages[i]
	h.say("**%s** stage of `%s`", st.Shown(), h.shown(path))
	h.say("```dockerfile\n%s\n```", st.Source)
	h.usedBy(path, i)
}

func (h *hovering) shown(path string) string {
	if h.a == nil {
		return path
	}
	return h.a.Shown(path)
}

// usedBy says which targets use a stage.
func (h *hovering) usedBy(path string, i int) {
	if h.a == nil || h.a.Dockerfiles[path] == nil {
		return
	}
	use := h.a.Dockerfiles[path]
	if ends := use.Ends[i]; len(ends) > 0 {
		h.say("built by %s", some(ends))
	}
	rest := slices.DeleteFunc(slices.Clone(use.Stages[i]), func(name string) bool { return slices.Contains(use.Ends[i], name) })
	switch {
	case len(rest) > 0:
		h.say("used by %s", some(rest))
	case use.Planned && len(use.Stages[i]) == 0:
		h.say("No target of the project uses it.")
	}
}

// arg says what values targets give to an argument.
func (h *hovering) arg(path, name string) {
	d := h.s.document(path)
	if d == nil {
		return
	}
	for _, arg := range h.s.files.dockerfile(d).arguments() {
		if arg.name == name {
			h.say("**%s** argument of `%s`", name, h.shown(path))
			h.say("```dockerfile\n%s\n```", arg.text)
		}
	}
	values := map[string][]string{}
	var order []string
	for _, target := range h.targetsOf(path) {
		t := h.a.Config.Target(target)
		if t == nil {
			continue
		}
		if v, ok := t.Args[name]; ok {
			if values[v] == nil {
				order = append(order, v)
			}
			values[v] = append(values[v], target)
		}
	}
	for _, v := range order {
		h.say("`%s` in %s", v, some(values[v]))
	}
}

// expression shows the value of the expression around the cursor.
func (h *hovering) expression(f *definitionFile, b *hclsyntax.Block, attr *hclsyntax.Attribute) {
	if h.text.Len() > 0 {
		return
	}
	var best hclsyntax.Expression
	_ = hclsyntax.VisitAll(attr.Expr, func(node hclsyntax.Node) hcl.Diagnostics {
		e, ok := node.(hclsyntax.Expression)
		if !ok {
			return nil
		}
		switch e.(type) {
		case *hclsyntax.LiteralValueExpr, *hclsyntax.ObjectConsKeyExpr:
			return nil
		}
		if r := e.Range(); r.Start.Byte <= h.offset && h.offset <= r.End.Byte && (best == nil || r.End.Byte-r.Start.Byte <= best.Range().End.Byte-best.Range().Start.Byte) {
			best = e
		}
		return nil
	})
	if best == nil {
		best = attr.Expr
	}
	h.start, h.end = best.Range().Start.Byte, best.Range().End.Byte
	h.value(f, b, best)
}

// value shows the value of an expression, for each target of the block.
func (h *hovering) value(_ *definitionFile, b *hclsyntax.Block, expr hclsyntax.Expression) {
	if h.a == nil || loops(expr) {
		return
	}
	m, ok := h.a.Module(h.doc.Path)
	if !ok {
		return
	}
	targets := []string{""}
	if b != nil && b.Type == "target" && len(b.Labels) > 0 {
		targets = nil
		for _, t := range h.a.Names.Blocks[h.blockOf(b)] {
			targets = append(targets, t.Name)
		}
	}
	values := map[string][]string{}
	var order []string
	for _, name := range targets {
		text, ok := h.a.Value(m, expr, name)
		if !ok {
			continue
		}
		if values[text] == nil {
			order = append(order, text)
		}
		values[text] = append(values[text], name)
	}
	for i, text := range order {
		if i == maxTargets {
			h.say("… and %d more values", len(order)-i)
			return
		}
		if len(order) > 1 {
			h.say("`%s`:", some(values[text]))
		}
		h.say("```hcl\n%s\n```", text)
	}
}

// loops reports whether an expression has a "for", which may take long.
func loops(expr hclsyntax.Expression) bool {
	found := false
	_ = hclsyntax.VisitAll(expr, func(node hclsyntax.Node) hcl.Diagnostics {
		if _, ok := node.(*hclsyntax.ForExpr); ok {
			found = true
		}
		return nil
	})
	return found
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

// namedContext says what targets put in the place of a name.
func (h *hovering) namedContext(o occurrence) {
	for _, name := range h.targetsOf(o.scope) {
		t := h.a.Config.Target(name)
		if t == nil {
			continue
		}
		for key, c := range t.Contexts {
			if strings.EqualFold(key, o.name) {
				h.say("`%s` is `%s` in target %s", key, c.Raw, name)
			}
		}
	}
}
