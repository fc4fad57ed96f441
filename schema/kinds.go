package schema

// BlockKind describes a kind of block to people.
type BlockKind struct {
	Name  string
	Doc   string // one sentence
	Label bool   // whether it has a name behind its kind
}

// BlockKinds lists the blocks that may be at the top of a file.
func BlockKinds(dialect Dialect) []BlockKind {
	var out []BlockKind
	for _, k := range blockKinds(dialect) {
		out = append(out, BlockKind{k.name, k.doc, k.label})
	}
	return out
}

// NestedKinds lists the blocks that may be inside a kind of block.
func NestedKinds(kind string, dialect Dialect) []BlockKind {
	var out []BlockKind
	for _, k := range blockKinds(dialect) {
		if k.name != kind {
			continue
		}
		for _, name := range k.blocksIn(dialect) {
			inner := nestedKinds()[name]
			doc := inner.doc
			if a, ok := TargetAttribute(name); ok && doc == "" {
				doc = a.Doc
			}
			if doc == "" {
				doc = docOf(name)
			}
			out = append(out, BlockKind{name, doc, inner.label})
		}
	}
	return out
}

// docOf is what a kind of block at the top of a file is for.
func docOf(name string) string {
	for _, k := range blockKinds(Build) {
		if k.name == name {
			return k.doc
		}
	}
	return ""
}

// Misplaced reports whether the attribute is known only to say that it is wrong here.
func (a *Attribute) Misplaced() bool { return a.misplaced != "" }
