// Package hclfmt finds definitions and writes them in HCL's standard format, which
// is HCL's own formatter's. It prints nothing.
package hclfmt

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclwrite"

	"github.com/orch-build/orch/internal/output"
	"github.com/orch-build/orch/schema"
)

// Args lets fmt be called as other formatters are, with one dash before a
// long flag: -check, -diff.
func Args(args []string) []string {
	if len(args) == 0 || args[0] != "fmt" {
		return args
	}
	args = slices.Clone(args)
	for i, a := range args {
		switch a {
		case "--":
			return args
		case "-check", "-diff", "-recursive":
			args[i] = "-" + a
		}
	}
	return args
}

// Options say what is looked for.
type Options struct {
	// Recursive goes into sub-folders too.
	Recursive bool
	// Writes says that the files are replaced.
	Writes bool
}

// Find lists the files that an argument stands for: a file, the HCL files of a
// folder, or - for standard input.
func Find(arg string, opt Options) ([]string, error) {
	if arg == "-" {
		return []string{arg}, nil
	}
	info, err := os.Stat(arg)
	if err != nil {
		return nil, fmt.Errorf("formatting: %w", err)
	}
	if info.IsDir() {
		files, err := folder(arg, opt.Recursive)
		if err != nil {
			return nil, fmt.Errorf("formatting: %w", err)
		}
		return files, nil
	}
	if opt.Writes && !output.Replaceable(arg) {
		return nil, fmt.Errorf("formatting %s: it is not a regular file; to format what comes from a stream, write -", arg)
	}
	if syntax, ok := schema.SyntaxOf(arg); ok && syntax != schema.HCL {
		return nil, fmt.Errorf("formatting %s: only HCL files are formatted", arg)
	}
	return []string{arg}, nil
}

// inside says whether a file is in a folder too when links are followed.
func inside(path, root string) bool {
	real, err := filepath.EvalSymlinks(path)
	if err == nil {
		root, err = filepath.EvalSymlinks(root)
	}
	if err != nil {
		return false
	}
	rel, err := filepath.Rel(root, real)
	return err == nil && filepath.IsLocal(rel)
}

// folder lists the HCL files of a folder. Hidden folders are passed over, and
// links are not followed out of it.
func folder(root string, recursive bool) ([]string, error) {
	var out []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path == root:
			return nil
		case d.IsDir() && (!recursive || strings.HasPrefix(d.Name(), ".")):
			return fs.SkipDir
		case !d.IsDir() && filepath.Ext(path) == ".hcl":
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && inside(path, root) {
				out = append(out, path)
			}
		}
		return nil
	})
	return out, err
}

// Format returns the text in the standard format. The text must be right:
// the formatter would shift the words of a wrong one about.
func Format(name string, src []byte) ([]byte, hcl.Diagnostics) {
	if f, diags := schema.ParseAs(schema.HCL, name, src, schema.Bake); f.Broken {
		return nil, diags
	}
	out := hclwrite.Format(src)
	if f, _ := schema.ParseAs(schema.HCL, name, out, schema.Bake); f.Broken {
		return src, nil
	}
	return out, nil
}

// Write replaces the text of a file, which is there.
func Write(name string, text []byte) error {
	if err := output.WriteFile(name, text, 0o644); err != nil {
		return fmt.Errorf("writing %w", err)
	}
	return nil
}
