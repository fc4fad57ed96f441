package language

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/orch-build/orch/config/funcs"
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

// objectKeys offers keys of an object.
func (c *completion) objectKeys() {
	attr, _ := c.attribute()
	top := c.place.top()
	add := func(ch choice) {
		if !slices.Contains(top.keys, ch.label) {
			ch.insert, ch.snippet = cmp.Or(ch.insert, ch.label)+" = $0", true
			c.offer(ch)
		}
	}
	switch attr {
	case "target.args":
		for _, arg := range c.buildArgs() {
			ch := arg
			ch.insert, ch.snippet = arg.label+` = "$0"`, true
			if !slices.Contains(top.keys, arg.label) {
				c.offer(ch)
			}
		}
		return
	case "target.contexts":
		for _, ch := range c.contextNames() {
			add(ch)
		}
		return
	case "target.labels", "target.annotations":
		for _, l := range ociLabels {
			if !slices.Contains(top.keys, l[0]) {
				c.offer(choice{label: l[0], kind: lsp.KindEnumMember, doc: l[1], insert: `"` + l[0] + `" = "$0"`, snippet: true})
			}
		}
		return
	case "target.traits":
		for _, t := range c.traits() {
			add(choice{label: t, kind: lsp.KindField, detail: "trait"})
		}
		return
	case "import.variables":
		for _, v := range c.importedVariables() {
			add(v)
		}
		return
	}
	block, name, _ := strings.Cut(attr, ".")
	for _, f := range c.fields(block, name) {
		add(choice{label: f.Name, kind: lsp.KindField, detail: f.Type, doc: f.Doc})
	}
}

// fields are the keys of the objects that an attribute holds.
func (c *completion) fields(block, name string) []schema.Attribute {
	attrs, _ := schema.AttributesOf(block, c.dialect)
	for _, a := range attrs {
		if a.Name == name {
			return a.Fields
		}
	}
	return nil
}

// text offers what a text may be.
func (c *completion) text() {
	attr, keys := c.attribute()
	if attr == "" {
		return
	}
	key := ""
	if len(keys) > 0 {
		key = keys[len(keys)-1]
	}
	if c.place.top() != nil && len(c.place.frames) > 1 {
		if f := c.place.frames[len(c.place.frames)-2]; f.kind == objectFrame && f.key == "" {
			c.quotedKey(attr)
			return
		}
	}
	c.values(attr, key, false)
}

// quotedKey offers keys of an object inside of quotes.
func (c *completion) quotedKey(attr string) {
	switch attr {
	case "target.args":
		c.offer(c.buildArgs()...)
	case "target.contexts":
		c.offer(c.contextNames()...)
	case "target.labels":
		for _, l := range ociLabels {
			c.offer(choice{label: l[0], kind: lsp.KindEnumMember, doc: l[1]})
		}
	}
}

// values offers the values of an attribute; quote puts them into quotes.
func (c *completion) values(attr, key string, quote bool) {
	list := c.choices(attr, key)
	for i := range list {
		if text := cmp.Or(list[i].insert, list[i].label); quote {
			list[i].insert = `"` + text + `"`
		}
	}
	c.offer(list...)
}

// choices lists the values of an attribute, or of a key of an object in it.
func (c *completion) choices(attr, key string) []choice {
	switch attr {
	case "target.inherits":
		return c.targets(false)
	case "group.targets", "test.target":
		return c.targets(true)
	case "target.target", "target.no-cache-filter":
		return c.stages()
	case "target.contexts":
		return c.contexts()
	case "target.dockerfile":
		return c.dockerfileNames()
	case "target.context":
		return append(c.files(true), c.contexts()...)
	case "import.source":
		return c.definitionFiles()
	case "target.traits":
		return nil
	case "target.args":
		return nil
	}
	name := attr
	if key != "" {
		name += "." + key
	} else if short := c.shortForm(attr); short != nil {
		return short
	}
	return enumeration(name)
}

// shortForm offers the value of type= in "type=image,push=true".
func (c *completion) shortForm(attr string) []choice {
	last := c.place.word[strings.LastIndexByte(c.place.word, ',')+1:]
	key, value, ok := strings.Cut(last, "=")
	prefix := strings.TrimSuffix(c.place.word, value)
	if ok {
		list := enumeration(attr + "." + key)
		for i := range list {
			list[i].insert = prefix + list[i].label
			list[i].label = prefix + list[i].label
		}
		return list
	}
	block, name, _ := strings.Cut(attr, ".")
	prefix = strings.TrimSuffix(c.place.word, last)
	var out []choice
	for _, f := range c.fields(block, name) {
		out = append(out, choice{label: prefix + f.Name + "=", kind: lsp.KindField, detail: f.Type, doc: f.Doc})
	}
	return out
}

// targets offers targets, and groups if those are possible.
func (c *completion) targets(groups bool) []choice {
	if c.a == nil {
		return nil
	}
	self := c.label()
	prefix := ""
	if p := c.a.Names.Prefixes[c.doc.Path]; len(p) > 0 {
		prefix = p[0]
	}
	var out []choice
	for name, b := range c.a.Names.Targets {
		short, ok := strings.CutPrefix(name, prefix)
		if !ok || short == self && c.place.outer().name == "target" {
			continue
		}
		out = append(out, choice{label: short, kind: lsp.KindReference, detail: "target", doc: c.about(name, b)})
	}
	if groups {
		for name := range c.a.Names.Groups {
			if short, ok := strings.CutPrefix(name, prefix); ok && short != self {
				out = append(out, choice{label: short, kind: lsp.KindEnum, detail: "group"})
			}
		}
	}
	return sorted(out)
}

func sorted(list []choice) []choice {
	slices.SortFunc(list, func(a, b choice) int { return strings.Compare(a.label, b.label) })
	return list
}

// about is the description of a target, and where it is written.
func (c *completion) about(name string, b project.Block) string {
	text := "in " + c.a.Shown(b.Path)
	if c.a.Config != nil {
		if t := c.a.Config.Target(name); t != nil && t.Description != "" {
			text = c.a.Mask(t.Description) + "\n\n" + text
		}
	}
	return text
}

// stages offers the stages of the Dockerfile.
func (c *completion) stages() []choice {
	var out []choice
	for _, file := range c.dockerfilesHere("target") {
		d := c.s.document(file)
		if d == nil {
			continue
		}
		for _, st := range c.s.files.dockerfile(d).parsed.Stages {
			if st.Name != "" {
				out = append(out, choice{label: st.Name, kind: lsp.KindClass, detail: "stage of " + c.a.Shown(file), doc: "```dockerfile\n" + st.Source + "\n```"})
			}
		}
	}
	return out
}

// dockerfilesHere are the Dockerfiles of the block at hand: those of its targets, or
// else the one that is written in it.
func (c *completion) dockerfilesHere(key string) []string {
	if out := c.dockerfiles(c.doc.Path, c.label(), key); len(out) > 0 {
		return out
	}
	if c.a == nil {
		return nil
	}
	name, dir := "Dockerfile", "."
	f := c.s.files.definition(c.doc)
	for _, b := range f.Body.Blocks {
		if b.Type != "target" || len(b.Labels) == 0 || b.Labels[0] != c.label() {
			continue
		}
		for attr, to := range map[string]*string{"dockerfile": &name, "context": &dir} {
			if written := b.Body.Attributes[attr]; written != nil {
				if texts := literals(written.Expr); len(texts) == 1 {
					*to = texts[0].value
				}
			}
		}
	}
	return []string{c.a.Abs(filepath.Join(dir, name))}
}

// buildArgs offers the arguments that the Dockerfile declares.
func (c *completion) buildArgs() []choice {
	var out []choice
	seen := map[string]bool{}
	for _, file := range c.dockerfilesHere("args") {
		d := c.s.document(file)
		if d == nil {
			continue
		}
		for _, arg := range c.s.files.dockerfile(d).arguments() {
			if !seen[arg.name] {
				seen[arg.name] = true
				out = append(out, choice{label: arg.name, kind: lsp.KindVariable, detail: "ARG of " + c.a.Shown(file), doc: "```dockerfile\n" + arg.text + "\n```"})
			}
		}
	}
	return out
}

// contextNames offers what the Dockerfile takes from outside: images, and names that a
// context may stand for.
func (c *completion) contextNames() []choice {
	var out []choice
	seen := map[string]bool{}
	for _, file := range c.dockerfilesHere("contexts") {
		d := c.s.document(file)
		if d == nil {
			continue
		}
		for _, o := range dockerfileOccurrences(c.s.files.dockerfile(d)) {
			name := string(d.Text[o.start:o.end])
			if o.kind != kindContext && (o.kind != kindStage || !o.decl) || seen[name] {
				continue
			}
			seen[name] = true
			detail := "taken by " + c.a.Shown(file)
			if o.kind == kindStage {
				detail = "stage of " + c.a.Shown(file)
			}
			ch := choice{label: name, kind: lsp.KindModule, detail: detail}
			if strings.ContainsAny(name, ":./@") && !c.place.inText() {
				ch.insert = `"` + name + `"`
			}
			out = append(out, ch)
		}
	}
	return out
}

// contexts offers values of contexts.
func (c *completion) contexts() []choice {
	var out []choice
	for _, t := range c.targets(false) {
		t.label = "target:" + t.label
		out = append(out, t)
	}
	for _, scheme := range [][2]string{
		{"docker-image://", "An image of a registry."}, {"oci-layout://", "An image in an OCI layout folder."}, {"https://", "A git repository or an archive."},
	} {
		out = append(out, choice{label: scheme[0], kind: lsp.KindEnumMember, doc: scheme[1], rank: 1})
	}
	return out
}

// dockerfileNames offers the Dockerfiles in the context.
func (c *completion) dockerfileNames() []choice {
	return slices.DeleteFunc(c.files(false), func(ch choice) bool {
		return ch.kind != lsp.KindFolder && !strings.Contains(strings.ToLower(ch.label), "dockerfile") && !strings.Contains(strings.ToLower(ch.label), "containerfile")
	})
}

// definitionFiles offers definitions that can be imported.
func (c *completion) definitionFiles() []choice {
	return slices.DeleteFunc(c.files(false), func(ch choice) bool {
		return ch.kind != lsp.KindFolder && !strings.HasSuffix(ch.label, ".hcl") && !strings.HasSuffix(ch.label, ".json")
	})
}

// maxFiles is how many files are offered.
const maxFiles = 200

// files offers what is in the folder that the word at hand names. Imports start from
// the file that has them, all else from the project or the context.
func (c *completion) files(foldersOnly bool) []choice {
	base := filepath.Dir(c.doc.Path)
	attr, _ := c.attribute()
	if c.a != nil && attr != "import.source" {
		if slices.Contains(c.a.Main, c.doc.Path) {
			base = c.a.Dir
		}
		if attr == "target.dockerfile" {
			base = filepath.Join(base, c.literal("context"))
		}
	}
	word := c.place.word
	dir := word[:strings.LastIndexByte(word, '/')+1]
	if strings.Contains(word, "://") || filepath.IsAbs(dir) {
		return nil
	}
	entries, err := c.s.store.View(base).ReadDir(filepath.FromSlash(path.Clean("./" + dir)))
	if err != nil {
		return nil
	}
	var out []choice
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || len(out) == maxFiles {
			continue
		}
		if e.IsDir() {
			out = append(out, choice{label: dir + e.Name() + "/", kind: lsp.KindFolder, insert: dir + e.Name(), rank: 1})
		} else if !foldersOnly {
			out = append(out, choice{label: dir + e.Name(), kind: lsp.KindFile})
		}
	}
	return out
}

// literal is the text of an attribute of the block at hand, or "".
func (c *completion) literal(attr string) string {
	for _, b := range c.s.files.definition(c.doc).Body.Blocks {
		if b.Type == "target" && len(b.Labels) > 0 && b.Labels[0] == c.label() && b.Body.Attributes[attr] != nil {
			if texts := literals(b.Body.Attributes[attr].Expr); len(texts) == 1 {
				return texts[0].value
			}
		}
	}
	return ""
}

// traits lists the traits of all targets.
func (c *completion) traits() []string {
	if c.a == nil || c.a.Config == nil {
		return nil
	}
	var out []string
	for _, t := range c.a.Config.Targets {
		for name := range t.Traits {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// importedVariables offers the variables of the files that the block imports.
func (c *completion) importedVariables() []choice {
	if c.a == nil || c.a.Definition == nil {
		return nil
	}
	var out []choice
	for _, m := range c.a.Definition.Modules() {
		if !strings.HasPrefix(m.Prefix, c.label()+".") {
			continue
		}
		for _, v := range c.a.Variables(m) {
			if !slices.ContainsFunc(out, func(ch choice) bool { return ch.label == v.Name }) {
				out = append(out, choice{label: v.Name, kind: lsp.KindVariable, detail: cmp.Or(v.Type, "variable"), doc: v.Description})
			}
		}
	}
	return out
}

// expression offers what an expression may be: variables, references and functions,
// and the values that the attribute has.
func (c *completion) expression() {
	if len(c.place.path) > 0 {
		c.reference()
		return
	}
	attr, keys := c.attribute()
	key := ""
	if len(keys) > 0 {
		key = keys[len(keys)-1]
	}
	top := c.place.top()
	if attr == "variable.type" {
		for _, t := range []string{"string", "number", "bool", "any", "list", "set", "map", "object", "tuple"} {
			c.offer(choice{label: t, kind: lsp.KindEnumMember, detail: "type"})
		}
		return
	}
	if top.kind != interpFrame && top.kind != callFrame && attr != "." {
		c.values(attr, key, true)
		if c.isBool(attr, key) {
			c.offer(choice{label: "true", kind: lsp.KindEnumMember}, choice{label: "false", kind: lsp.KindEnumMember})
		}
	}
	c.variables()
	for _, root := range []string{"target", "group", "git"} {
		c.offer(choice{label: root, kind: lsp.KindModule, insert: root + ".", rank: 3, detail: "reference"})
	}
	for name, f := range funcs.Standard(funcs.Machine{}) {
		c.offer(choice{label: name, kind: lsp.KindFunction, detail: funcs.Signature(name, f), doc: funcs.Describe(name, f), insert: name + "($0)", snippet: true, rank: 4})
	}
}

// isBool reports whether an attribute, or a key of an object in it, is true or false.
func (c *completion) isBool(attr, key string) bool {
	block, name, _ := strings.Cut(attr, ".")
	attrs, _ := schema.AttributesOf(block, c.dialect)
	for _, a := range attrs {
		if a.Name == name && key != "" {
			return slices.ContainsFunc(a.Fields, func(f schema.Attribute) bool { return f.Name == key && f.Type == "bool" })
		}
		if a.Name == name {
			return a.Type == "bool"
		}
	}
	return false
}

// variables offers variables, constants, functions of the file, and the axes and
// parameters of the block.
func (c *completion) variables() {
	w := &definitionWalk{names: c.names, f: c.s.files.definition(c.doc), scope: c.scope(c.doc.Path)}
	for _, b := range w.f.Body.Blocks {
		if outer := c.place.outer(); outer == nil || b.Type != outer.name || len(b.Labels) == 0 || b.Labels[0] != outer.label {
			continue
		}
		w.locals, w.label = map[string]symbol{}, b.Labels[0]
		w.declareLocals(b)
		for name := range w.locals {
			c.offer(choice{label: name, kind: lsp.KindVariable, detail: "of this block", rank: 1})
		}
	}
	described := c.described()
	for _, o := range w.f.names(c.names) {
		switch {
		case !o.decl:
		case o.kind == kindVariable:
			ch := described[o.name]
			ch.label, ch.kind, ch.rank = o.name, lsp.KindVariable, 2
			ch.detail = cmp.Or(ch.detail, "variable")
			delete(described, o.name)
			c.offer(ch)
		case o.kind == kindFunction:
			c.offer(choice{label: o.name, kind: lsp.KindFunction, detail: "function of this file", insert: o.name + "($0)", snippet: true, rank: 2})
		}
	}
	for name, ch := range described { // of other files
		ch.label, ch.kind, ch.rank = name, lsp.KindVariable, 2
		c.offer(ch)
	}
}

// described says of the variables of the module what they are and what value they
// have.
func (c *completion) described() map[string]choice {
	out := map[string]choice{}
	if c.a == nil {
		return out
	}
	m, ok := c.a.Module(c.doc.Path)
	if !ok {
		return out
	}
	for _, v := range c.a.Variables(m) {
		ch := choice{detail: cmp.Or(v.Type, "variable"), doc: v.Description}
		if v.Value != nil {
			ch.doc = strings.TrimSpace(ch.doc + "\n\nValue: `" + *v.Value + "`")
		}
		out[v.Name] = ch
	}
	return out
}

// reference offers what may be behind target., group., git. and self.
func (c *completion) reference() {
	p := c.place.path
	switch {
	case p[0] == "target" && len(p) == 1:
		c.offer(c.targets(false)...)
	case p[0] == "target" && len(p) == 2:
		c.offer(choice{label: "name", kind: lsp.KindField, detail: "string"})
		for _, a := range schema.TargetAttributes() {
			if schema.HasAttribute(a.Name, c.dialect) {
				c.offer(choice{label: a.Name, kind: lsp.KindProperty, detail: a.Type, doc: a.Doc})
			}
		}
	case p[0] == "group" && len(p) == 1:
		c.offer(slices.DeleteFunc(c.targets(true), func(ch choice) bool { return ch.detail != "group" })...)
	case p[0] == "group" && len(p) == 2:
		for _, name := range []string{"name", "targets", "description"} {
			c.offer(choice{label: name, kind: lsp.KindField})
		}
	case p[0] == "git" && len(p) == 1:
		for _, f := range gitFacts() {
			c.offer(f)
		}
	case p[0] == "self" && len(p) == 1:
		c.offer(choice{label: "name", kind: lsp.KindField, detail: "string", doc: "The name of the target."})
	}
}
