package schema

import (
	"path"
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// Dialect says how strictly a file is read.
type Dialect int

const (
	// Bake is bake's language: what it does not know, it passes over, so
	// an unknown name is a warning.
	Bake Dialect = iota
	// Build is the language of build.hcl: an unknown name is an error, and
	// everything that bake's language lacks is there.
	Build
)

// DialectOf returns the dialect that the name of a file stands for: Build for
// build.hcl, build.json, their override files, and names that end in
// .build.hcl or .build.json, else Bake.
func DialectOf(filename string) Dialect {
	name := path.Base(filepath.ToSlash(filename))
	switch name {
	case "build.hcl", "build.json", "build.hcl.json",
		"build.override.hcl", "build.override.json", "build.override.hcl.json":
		return Build
	}
	for _, suffix := range []string{".build.hcl", ".build.json", ".build.hcl.json"} {
		if strings.HasSuffix(name, suffix) {
			return Build
		}
	}
	return Bake
}

// Syntax is how the text of a file is written.
type Syntax int

const (
	// HCL is HCL's native syntax.
	HCL Syntax = iota
	// JSON is HCL's JSON syntax, in which strings are templates.
	JSON
	// Compose is a Compose file. Parse does not look into it.
	Compose
)

// SyntaxOf returns the syntax that a file's extension stands for; ok is false
// if it stands for none. As for bake, the case of letters does not matter
// for YAML alone.
func SyntaxOf(filename string) (syntax Syntax, ok bool) {
	switch ext := filepath.Ext(filename); {
	case ext == ".hcl":
		return HCL, true
	case ext == ".json":
		return JSON, true
	case strings.EqualFold(ext, ".yml"), strings.EqualFold(ext, ".yaml"):
		return Compose, true
	}
	return HCL, false
}

// File is one file of a definition, as written.
type File struct {
	Name    string
	Src     []byte
	Dialect Dialect
	Syntax  Syntax
	// Broken is true if the text could not be parsed, so that blocks are
	// missing.
	Broken bool

	Variables []*Variable
	Functions []*Function
	Targets   []*Target
	Groups    []*Group
	Caches    []*Cache // those outside of targets
	Skips     []*Skip  // those outside of targets
	Locks     []*Lock
	Imports   []*Import
	Tests     []*Test
	// Constants are the attributes outside of any block, by name.
	Constants map[string]*hcl.Attribute
}

// Block is what all kinds of blocks have in common.
type Block struct {
	Kind  string // "target", "group", …
	Label string
	// LabelRange is the label alone; DefRange is the block's first line.
	LabelRange hcl.Range
	DefRange   hcl.Range
	// Attrs holds the attributes that were written, by name.
	Attrs   map[string]*hcl.Attribute
	Dialect Dialect
}

// Attr returns the expression of an attribute, or nil if it was not written.
func (b *Block) Attr(name string) hcl.Expression {
	if a, ok := b.Attrs[name]; ok {
		return a.Expr
	}
	return nil
}

// AttrRange returns where the attribute is written, or the block's first line.
func (b *Block) AttrRange(name string) hcl.Range {
	if a, ok := b.Attrs[name]; ok {
		return a.Range
	}
	return b.DefRange
}
