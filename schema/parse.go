package schema

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/json"

	"github.com/orch-build/orch/internal/hclparse"
	"github.com/orch-build/orch/internal/suggest"
)

// Attribute describes one attribute of a block kind.
type Attribute struct {
	Name     string
	Type     string // as shown to people, such as "list(string)"
	Doc      string // one sentence
	Required bool
	// Fields are the keys of an object, or of the objects in a list; there
	// may be others.
	Fields []Attribute
	// Merge says what happens to the lists that several definitions of a target
	// have.
	Merge Merge
	// Set are the keys of --set that change the attribute of a target.
	Set []SetKey
	// Effect is ChangesResult, or why the attribute of a target cannot change
	// what is built.
	Effect string
	// Permission says whether the attribute of a target can name a file of this machine
	// or a privilege; config/permission then has a rule for it.
	Permission Permission
	// buildOnly attributes are not in the language of bake.
	buildOnly bool
	// spent attributes have done their work when a target is resolved.
	spent bool
	// misplaced, if not "", says why the attribute is wrong in this block.
	misplaced string
}

// Permission is whether the value of an attribute may take a permission.
type Permission uint8

// Whether it may take one has to be said of each attribute of a target.
const (
	_ Permission = iota
	NoPermission
	MayTakePermission
)

// ChangesResult is the Effect of an attribute whose value can change what is
// built, so that it is part of digests.
const ChangesResult = "changes the result"

// Merge says how a later list goes with an earlier one.
type Merge int

const (
	// Replaces: the later list is the whole.
	Replaces Merge = iota
	// Grows: the later list is put behind the earlier one.
	Grows
	// OnlyGrows: so is the value of an override, even one with "=".
	OnlyGrows
	// ByName: so is it, and of the elements with the same name the last counts.
	ByName
)

// Shape is what the values of a key of --set look like.
type Shape int

const (
	// Single: the last value counts.
	Single Shape = iota
	// Listed: all values count.
	Listed
	// Named: KEY.NAME, each name on its own.
	Named
)

// SetKey is a key of --set.
type SetKey struct {
	Name     string
	Aliases  []string // other spellings of the same key
	Shape    Shape
	NoAppend bool // "+=" is refused
	FromEnv  bool // without "=", the value comes from the environment
}

func listKey(name string, aliases ...string) []SetKey {
	return []SetKey{{Name: name, Aliases: aliases, Shape: Listed}}
}

func textKey(name string) []SetKey { return []SetKey{{Name: name}} }

func namedKey(name string, aliases ...string) []SetKey {
	return []SetKey{{Name: name, Aliases: aliases, Shape: Named}}
}

// Printed says whether --print shows the attribute: bake reads what it prints,
// and has none of what is in build.hcl only.
func (a *Attribute) Printed() bool { return !a.buildOnly && !a.spent }

// blockKind describes one kind of block and says where its blocks go.
type blockKind struct {
	name   string
	doc    string // one sentence
	label  bool   // whether the block has a name behind its kind
	attrs  []Attribute
	blocks []string // kinds of blocks that may be inside
	// buildOnly kinds are not in bake's language.
	buildOnly bool
	// add enters a block in the file; nested enters a block that was inside
	// the one that was added last.
	add    func(f *File, b Block)
	nested func(f *File, b Block) hcl.Diagnostics
}

// blockKinds lists the blocks that may be at the top of a file.
func blockKinds(dialect Dialect) []*blockKind {
	kinds := []*blockKind{&targetKind, &groupKind, &variableKind, &functionKind, &importKind, &testKind, &cacheKind, &skipKind, &lockKind}
	return slices.DeleteFunc(kinds, func(k *blockKind) bool { return k.buildOnly && dialect != Build })
}

// nestedKinds lists the blocks that are inside others.
func nestedKinds() map[string]*blockKind {
	return map[string]*blockKind{validationKind.name: &validationKind, targetCacheKind.name: &targetCacheKind, targetSkipKind.name: &targetSkipKind}
}

// TargetAttributes returns the attributes of a target block, in the order in
// which they are documented.
func TargetAttributes() []Attribute { return targetKind.attrs }

// TargetAttribute returns the description of an attribute of a target, or of
// the block that is used like one.
func TargetAttribute(name string) (Attribute, bool) {
	if name == cacheAttribute.Name {
		return cacheAttribute, true
	}
	if name == skipAttribute.Name {
		return skipAttribute, true
	}
	for _, a := range targetKind.attrs {
		if a.Name == name {
			return a, true
		}
	}
	return Attribute{}, false
}

// HasAttribute reports whether a target has an attribute in a dialect, or a
// block that is used like one.
func HasAttribute(name string, dialect Dialect) bool {
	if dialect == Build {
		return true
	}
	return slices.ContainsFunc(targetKind.attrs, func(a Attribute) bool { return a.Name == name && !a.buildOnly })
}

// AttributesOf returns the attributes that a kind of block has in a dialect,
// and whether there is such a kind, at the top of a file or in a block.
func AttributesOf(kind string, dialect Dialect) ([]Attribute, bool) {
	kinds := blockKinds(dialect)
	if k, ok := nestedKinds()[kind]; ok {
		kinds = append(kinds, k)
	}
	for _, k := range kinds {
		if k.name == kind {
			return slices.DeleteFunc(slices.Clone(k.attrs), func(a Attribute) bool {
				return a.buildOnly && dialect != Build
			}), true
		}
	}
	return nil, false
}

// Parse reads one file in HCL or HCL's JSON syntax, as its name says; a name
// that says neither is read as HCL. A Compose file is returned unread. The
// diagnostics hold warnings as well as errors; the file is never nil, and
// holds what could be read.
func Parse(filename string, src []byte, dialect Dialect) (*File, hcl.Diagnostics) {
	syntax, _ := SyntaxOf(filename)
	return ParseAs(syntax, filename, src, dialect)
}

// ParseAs is Parse for a file whose syntax is known.
func ParseAs(syntax Syntax, filename string, src []byte, dialect Dialect) (*File, hcl.Diagnostics) {
	f := &File{Name: filename, Src: src, Dialect: dialect, Syntax: syntax}
	diag := checkSize(filename, src)
	if diag == nil && syntax != HCL {
		diag = hclparse.Limits(src, filename) // HCL is parsed with them
	}
	if diag != nil {
		f.Broken = true
		return f, hcl.Diagnostics{diag}
	}
	var body hcl.Body
	var diags hcl.Diagnostics
	switch syntax {
	case Compose:
		if len(bytes.TrimSpace(src)) == 0 {
			f.Syntax = HCL // adds nothing
			return f, nil
		}
		if diag := checkIndent(filename, src); diag != nil {
			f.Broken = true
			diags = append(diags, diag)
		}
		return f, diags
	case JSON:
		if len(bytes.TrimSpace(src)) == 0 {
			return f, nil // adds nothing, as an empty HCL file
		}
		var file *hcl.File
		if file, diags = json.Parse(src, filename); file != nil {
			body = file.Body
		}
	default:
		body, diags = hclparse.Parse(src, filename)
	}
	if body == nil || diags.HasErrors() {
		f.Broken = true
		return f, diags
	}
	if native, ok := body.(*hclsyntax.Body); ok {
		countRounds(native)
	}
	diags = append(diags, f.read(body)...)
	SortDiagnostics(diags)
	return f, diags
}

// SortDiagnostics puts diagnostics in the order of the places they are about.
// Those without a place come last.
func SortDiagnostics(diags hcl.Diagnostics) {
	slices.SortStableFunc(diags, func(a, b *hcl.Diagnostic) int {
		switch {
		case a.Subject == nil || b.Subject == nil:
			return cmp.Compare(withoutPlace(a), withoutPlace(b))
		case a.Subject.Filename != b.Subject.Filename:
			return strings.Compare(a.Subject.Filename, b.Subject.Filename)
		}
		return cmp.Or(
			cmp.Compare(a.Subject.Start.Line, b.Subject.Start.Line),
			cmp.Compare(a.Subject.Start.Column, b.Subject.Start.Column))
	})
}

// withoutPlace is 1 for a diagnostic that has no place, and 0 for others.
func withoutPlace(d *hcl.Diagnostic) int {
	if d.Subject == nil {
		return 1
	}
	return 0
}

// read enters the blocks and constants of a file's body.
func (f *File) read(body hcl.Body) hcl.Diagnostics {
	schema := &hcl.BodySchema{}
	kinds := map[string]*blockKind{}
	for _, k := range blockKinds(f.Dialect) {
		kinds[k.name] = k
		schema.Blocks = append(schema.Blocks, k.header())
	}
	content, remain, diags := body.PartialContent(schema)
	for _, block := range content.Blocks {
		diags = append(diags, f.readBlock(kinds[block.Type], block)...)
	}
	constants, more := f.constants(body, remain, kinds)
	f.Constants = constants
	return append(diags, more...)
}

// constants returns the attributes outside of blocks. In native syntax an
// unknown block is reported on the way; in JSON an unknown block is a
// constant, because nothing tells the two apart.
func (f *File) constants(body, remain hcl.Body, kinds map[string]*blockKind) (map[string]*hcl.Attribute, hcl.Diagnostics) {
	native, ok := body.(*hclsyntax.Body)
	if !ok {
		attrs, diags := remain.JustAttributes()
		f.countRounds(attrs)
		return attrs, diags
	}
	var diags hcl.Diagnostics
	for _, block := range native.Blocks {
		if _, ok := kinds[block.Type]; !ok {
			d := f.unknown("block", block.Type, "", block.TypeRange, kindNames(kinds))
			isBuild := slices.ContainsFunc(blockKinds(Build), func(k *blockKind) bool { return k.name == block.Type })
			diags = append(diags, f.ofBuild(d, isBuild))
		}
	}
	attrs := make(map[string]*hcl.Attribute, len(native.Attributes))
	for name, attr := range native.Attributes {
		attrs[name] = attr.AsHCLAttribute()
	}
	return attrs, diags
}

// readBlock enters one block of a known kind, and the blocks inside it.
func (f *File) readBlock(kind *blockKind, block *hcl.Block) hcl.Diagnostics {
	b, nested, diags := f.blockOf(kind, block)
	kind.add(f, b)
	for _, inner := range nested {
		in, _, more := f.blockOf(nestedKinds()[inner.Type], inner)
		diags = append(diags, more...)
		if !more.HasErrors() {
			diags = append(diags, kind.nested(f, in)...)
		}
	}
	return diags
}

// blockOf reads the attributes of a block and returns the blocks inside it.
func (f *File) blockOf(kind *blockKind, block *hcl.Block) (Block, hcl.Blocks, hcl.Diagnostics) {
	content, remain, diags := block.Body.PartialContent(kind.schema(f.Dialect))
	f.countRounds(content.Attributes)
	b := Block{Kind: kind.name, DefRange: block.DefRange, LabelRange: block.DefRange, Attrs: content.Attributes, Dialect: f.Dialect}
	if kind.label {
		b.Label, b.LabelRange = block.Labels[0], block.LabelRanges[0]
	}
	for _, a := range kind.attrs {
		attr, written := content.Attributes[a.Name]
		if written && a.misplaced != "" {
			diags = append(diags, &hcl.Diagnostic{
				Severity: hcl.DiagError,
				Summary:  fmt.Sprintf("No %s in a %s", a.Name, kind.name),
				Detail:   fmt.Sprintf("%q is not possible here: %s.", a.Name, a.misplaced),
				Subject:  attr.NameRange.Ptr(),
			})
		}
	}
	return b, content.Blocks, append(diags, f.unknownNames(kind, block, remain)...)
}

// countRounds prepares the attributes of a JSON file; those in native syntax
// have been prepared together.
func (f *File) countRounds(attrs hcl.Attributes) {
	if f.Syntax != JSON {
		return
	}
	for _, attr := range attrs {
		attr.Expr = countJSON(f.Src, attr.Expr)
	}
}

// unknownNames reports the attributes and blocks that a kind does not have.
func (f *File) unknownNames(kind *blockKind, block *hcl.Block, remain hcl.Body) hcl.Diagnostics {
	known := make([]string, 0, len(kind.attrs))
	isKnown, ofBuild := map[string]bool{}, map[string]bool{}
	for _, a := range kind.attrs {
		if a.buildOnly && f.Dialect != Build {
			ofBuild[a.Name] = true
			continue
		}
		isKnown[a.Name] = true
		if a.misplaced == "" {
			known = append(known, a.Name)
		}
	}
	where := kind.name
	if kind.label {
		where = fmt.Sprintf("%s %q", kind.name, block.Labels[0])
	}
	var diags hcl.Diagnostics
	native, ok := block.Body.(*hclsyntax.Body)
	if !ok {
		attrs, _ := remain.JustAttributes()
		for name, attr := range attrs {
			diags = append(diags, f.ofBuild(f.unknown("attribute", name, where, attr.NameRange, known), ofBuild[name]))
		}
		return diags
	}
	for name, attr := range native.Attributes {
		if !isKnown[name] {
			diags = append(diags, f.ofBuild(f.unknown("attribute", name, where, attr.NameRange, known), ofBuild[name]))
		}
	}
	for _, inner := range native.Blocks {
		if blocks := kind.blocksIn(f.Dialect); !slices.Contains(blocks, inner.Type) {
			d := f.unknown("block", inner.Type, where, inner.TypeRange, append(known, blocks...))
			diags = append(diags, f.ofBuild(d, slices.Contains(kind.blocksIn(Build), inner.Type)))
		}
	}
	return diags
}

// unknown reports a name that the language does not have: an error in
// build.hcl, a warning in a bake file, where bake passes over it.
func (f *File) unknown(what, name, where string, at hcl.Range, known []string) *hcl.Diagnostic {
	place := "at the top of a file"
	if where != "" {
		place = "in " + where
	}
	d := &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  "Unknown " + what,
		Detail:   fmt.Sprintf("There is no %s %q %s.", what, name, place),
		Subject:  at.Ptr(),
	}
	d.Detail += suggest.Sentence(name, known)
	if f.Dialect == Bake {
		d.Severity = hcl.DiagWarning
		d.Detail += " It has no effect."
	}
	return d
}

// ofBuild says where a name works that bake files do not have, if build.hcl has
// it.
func (f *File) ofBuild(d *hcl.Diagnostic, has bool) *hcl.Diagnostic {
	if has && f.Dialect == Bake {
		d.Detail += " It is orch's own, and works in files named build.hcl or NAME.build.hcl."
	}
	return d
}

func (k *blockKind) header() hcl.BlockHeaderSchema {
	h := hcl.BlockHeaderSchema{Type: k.name}
	if k.label {
		h.LabelNames = []string{"name"}
	}
	return h
}

func (k *blockKind) schema(dialect Dialect) *hcl.BodySchema {
	s := &hcl.BodySchema{}
	for _, a := range k.attrs {
		if a.buildOnly && dialect != Build {
			continue
		}
		s.Attributes = append(s.Attributes, hcl.AttributeSchema{Name: a.Name, Required: a.Required})
	}
	for _, name := range k.blocksIn(dialect) {
		s.Blocks = append(s.Blocks, nestedKinds()[name].header())
	}
	return s
}

func kindNames(kinds map[string]*blockKind) []string {
	var names []string
	for name := range kinds {
		names = append(names, name)
	}
	return names
}

// blocksIn returns the kinds of blocks that may be inside in a dialect.
func (k *blockKind) blocksIn(dialect Dialect) []string {
	return slices.DeleteFunc(slices.Clone(k.blocks), func(name string) bool {
		return nestedKinds()[name].buildOnly && dialect != Build
	})
}
