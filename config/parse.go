package config

import (
	"bytes"
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/internal/lazyregexp"
	"github.com/orch-build/orch/schema"
)

// Parse reads one file of a definition. The extension says what it is; a file
// without a telling one, and standard input, is tried as Compose, HCL and
// JSON, in that order. If it is none of them, what is said is for the one that it
// looks like.
func Parse(filename string, src []byte, opts *Options) (*schema.File, hcl.Diagnostics) {
	return parseDialect(filename, src, schema.DialectOf(filename), opts)
}

func parseDialect(filename string, src []byte, dialect schema.Dialect, opts *Options) (*schema.File, hcl.Diagnostics) {
	if _, ok := schema.SyntaxOf(filename); ok {
		return schema.Parse(filename, src, dialect)
	}
	ext := filepath.Ext(filename)
	notCompose := strings.EqualFold(ext, ".hcl") || strings.EqualFold(ext, ".json") // in other letters
	if !notCompose && opts.composeInputs().Is(filename, src) {
		return schema.ParseAs(schema.Compose, filename, src, dialect)
	}
	f, diags := schema.ParseAs(schema.HCL, filename, src, dialect)
	if !diags.HasErrors() {
		return f, diags
	}
	j, more := schema.ParseAs(schema.JSON, filename, src, dialect)
	switch {
	case !more.HasErrors(), bytes.HasPrefix(bytes.TrimSpace(src), []byte("{")):
		return j, more
	case !notCompose && servicesKey.Match(src):
		return schema.ParseAs(schema.Compose, filename, src, dialect)
	}
	return f, diags
}

// servicesKey is in Compose files, and tells one that has a fault from HCL.
var servicesKey = lazyregexp.New(`(?m)^services[ \t]*:`)
