package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/config/block"
	"github.com/orch-build/orch/config/decide"
	"github.com/orch-build/orch/config/eval"
	"github.com/orch-build/orch/config/files"
	"github.com/orch-build/orch/config/trail"
	"github.com/orch-build/orch/internal/suggest"
	"github.com/orch-build/orch/schema"
)

// An import block brings in other files. Each of them is evaluated as a
// definition of its own, with its own variables and functions, and then its
// targets and groups join the importing file's, with a namespace in
// front of their names. The namespace is the name of the block; if the source
// is a pattern, what each wildcard stood for follows, behind dots.

// module is what distinguishes one imported file from another. The files that are given to Evaluate
// are a module without a prefix.
type module struct {
	prefix string // before its names in the whole definition: "" or "web."
	// given holds the values that the importing file passes.
	given map[string]*eval.Given
	// path holds the files on the way to this one.
	path  []importStep
	count *importCount
}

// importStep is a file on the way through imports, and the block in it that
// leads on.
type importStep struct {
	real, name string
	at         hcl.Range
}

// importCount limits how much imports may read.
type importCount struct {
	files  int
	budget files.Budget
}

// maxImports is how many files imports may bring into one definition.
const maxImports = 10_000

// addImports brings in the files of all import blocks.
func (d *Definition) addImports() hcl.Diagnostics {
	var diags hcl.Diagnostics
	seen := map[string]*schema.Import{}
	for _, f := range d.files {
		for _, b := range f.Imports {
			if earlier := seen[b.Label]; earlier != nil {
				diags = append(diags, block.Twice("Two imports of one name", fmt.Sprintf("The import %q", b.Label), b.LabelRange, earlier.LabelRange))
				continue
			}
			seen[b.Label] = b
			im := &importing{Definition: d, file: f, block: b}
			more := im.read()
			diags = append(diags, more...)
			d.incomplete = d.incomplete || more.HasErrors()
		}
	}
	if d.mod.prefix == "" && len(d.imports) > 0 {
		diags = append(diags, d.checkSpellings()...)
	}
	return diags
}

// importing is one import block while its files are read.
type importing struct {
	*Definition
	file  *schema.File
	block *schema.Import
	given map[string]*eval.Given
}

func (im *importing) read() hcl.Diagnostics {
	if diag := block.CheckName(im.block.Label, im.block.LabelRange); diag != nil {
		return hcl.Diagnostics{diag}
	}
	if im.block.Attr("source") == nil {
		return nil // the parser has said that it is missing
	}
	source, diags := im.source()
	diags = append(diags, im.readGiven()...)
	if diags.HasErrors() {
		return diags
	}
	found, err := files.Find(im.opts.Files, files.Source{Label: im.block.Label, Pattern: source, From: im.file.Name}, &im.mod.count.budget)
	if err != nil {
		summary := "Import not found"
		if errors.Is(err, files.ErrNotGranted) {
			summary = "Import not allowed"
		}
		return append(diags, im.wrong(summary, attribute.Sentence(err)))
	}
	seen := map[string]string{}
	for _, m := range found {
		if earlier, ok := seen[m.Namespace]; ok {
			diags = append(diags, im.wrong("Two imports of one name",
				fmt.Sprintf("%s and %s would both have the namespace %q. Import one of them in a block of its own.", earlier, m.Name, m.Namespace)))
			continue
		}
		seen[m.Namespace] = m.Name
		diags = append(diags, im.one(m)...)
	}
	if diags.HasErrors() {
		return diags // a file may be missing that has a variable for a value
	}
	return append(diags, im.unused()...)
}

// wrong reports an import at its source.
func (im *importing) wrong(summary, detail string) *hcl.Diagnostic {
	return &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  summary,
		Detail:   detail,
		Subject:  im.block.AttrRange("source").Ptr(),
	}
}

// source finds the files that the block names.
func (im *importing) source() (string, hcl.Diagnostics) {
	expr := im.block.Attr("source")
	v, diags := im.ev.Root(expr, eval.NoRefs)
	if diags.HasErrors() {
		return "", diags
	}
	s, err := convert.Convert(v, cty.String)
	if err != nil || s.IsNull() || !s.IsKnown() || s.AsString() == "" {
		return "", append(diags, im.wrong("Invalid source of an import", "The source is the path of a file, or a pattern, such as \"./services/*/build.hcl\"."))
	}
	if remote := s.AsString(); decide.IsRemote(remote) {
		return "", append(diags, im.wrong("Invalid source of an import",
			fmt.Sprintf("%q is not on this machine. A file can be imported only from beside the one that imports it.", remote)))
	}
	return s.AsString(), diags
}

// readGiven evaluates the values that the block passes.
func (im *importing) readGiven() hcl.Diagnostics {
	im.given = map[string]*eval.Given{}
	expr := im.block.Attr("variables")
	if expr == nil {
		return nil
	}
	v, diags := im.ev.Root(expr, eval.NoRefs)
	if diags.HasErrors() || v.IsNull() || !v.IsKnown() {
		return diags
	}
	if !v.Type().IsObjectType() && !v.Type().IsMapType() {
		return append(diags, &hcl.Diagnostic{
			Severity: hcl.DiagError,
			Summary:  `Invalid value for "variables"`,
			Detail:   fmt.Sprintf("It maps the names of variables to values, as in { TAG = TAG }, and this is %s.", attribute.Article(v.Type())),
			Subject:  expr.Range().Ptr(),
		})
	}
	places := eval.ElementRanges(expr)
	exprs := eval.Elements(expr)
	for name, value := range v.AsValueMap() {
		at, ok := places[name]
		if !ok {
			at = expr.Range()
		}
		im.given[name] = &eval.Given{Value: value, At: at, Expr: exprs[name], From: im.ev}
	}
	return diags
}

// unused reports the values that no imported file has a variable for.
func (im *importing) unused() hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, name := range attribute.SortedKeys(im.given) {
		g := im.given[name]
		if g.Used {
			continue
		}
		known := im.knownVariables()
		detail := fmt.Sprintf("No imported file has a variable %q.%s", name, suggest.Sentence(name, known))
		if len(known) > 0 {
			detail += " There are: " + some(known, 20) + "."
		}
		diags = append(diags, &hcl.Diagnostic{
			Severity: hcl.DiagError,
			Summary:  "Unknown variable",
			Detail:   detail,
			Subject:  g.At.Ptr(),
		})
	}
	return diags
}

// knownVariables lists the variables of the files of this import.
func (im *importing) knownVariables() []string {
	var out []string
	for _, child := range im.imports {
		if !strings.HasPrefix(child.mod.prefix, im.mod.prefix+im.block.Label+".") {
			continue
		}
		out = append(out, child.ev.VariableNames()...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// one reads one file and takes its targets and groups over.
func (im *importing) one(m files.Match) hcl.Diagnostics {
	here, diag := im.step(m)
	if diag != nil {
		return hcl.Diagnostics{diag}
	}
	im.mod.count.files++
	if im.mod.count.files > maxImports {
		return hcl.Diagnostics{im.wrong("Too many imports", fmt.Sprintf("A definition may import at most %d files.", maxImports))}
	}
	src, err := im.opts.Files.ReadFile(m.Name)
	if err != nil {
		return hcl.Diagnostics{im.wrong("Unreadable import", attribute.Sentence(files.Plain(err)))}
	}
	file, diags := parseDialect(m.Name, src, importDialect(m.Name), &im.opts)
	mod := &module{
		prefix: im.mod.prefix + m.Namespace + ".",
		given:  im.given,
		path:   here,
		count:  im.mod.count,
	}
	if file.Broken {
		im.imports = append(im.imports, brokenImport(file, mod, im.opts))
		return diags
	}
	child, more := evaluate([]*schema.File{file}, im.opts, mod)
	im.incomplete = im.incomplete || child.incomplete
	im.adopt(child, m.Namespace+".")
	return append(diags, more...)
}

// brokenImport takes the place of a file that could not be parsed, so that messages
// can show its text.
func brokenImport(file *schema.File, mod *module, opts Options) *Definition {
	d := newDefinition([]*schema.File{file}, opts, mod)
	d.incomplete = true
	return d
}

// importDialect is how strictly an imported file is read: as build.hcl, which
// alone can import, unless the name is one of bake's.
func importDialect(name string) schema.Dialect {
	syntax, _ := schema.SyntaxOf(name)
	if strings.HasPrefix(filepath.Base(name), "docker-bake.") || syntax == schema.Compose {
		return schema.Bake
	}
	return schema.Build
}

// step returns the way to a file, or reports that it imports itself.
func (im *importing) step(m files.Match) ([]importStep, *hcl.Diagnostic) {
	self, err := im.opts.Files.RealPath(im.file.Name)
	if err != nil {
		self = filepath.Clean(im.file.Name) // standard input
	}
	path := append(slices.Clip(im.mod.path), importStep{self, im.file.Name, im.block.DefRange})
	for i := range path {
		if path[i].real != m.Real {
			continue
		}
		steps := make([]trail.Step, 0, len(path)-i+1)
		for _, s := range path[i:] {
			steps = append(steps, trail.Step{What: s.name, At: s.at})
		}
		diag := trail.Cycle("Files import each other", append(steps, trail.Step{What: m.Name, At: path[i].at}))
		diag.Subject = im.block.AttrRange("source").Ptr()
		return nil, diag
	}
	return path, nil
}

// adopt takes over the targets and groups of an imported file.
func (d *Definition) adopt(child *Definition, prefix string) {
	d.imports = append(d.imports, child)
	for _, test := range child.tests {
		t := *test
		t.Name, t.Target = prefix+t.Name, prefix+t.Target
		d.tests = append(d.tests, &t)
	}
	for _, name := range child.targetNames {
		t := *child.targets[name]
		t.name = prefix + name
		d.targets[t.name] = &t
		d.targetNames = append(d.targetNames, t.name)
	}
	for _, name := range child.groupNames {
		d.addGroup(child.groups[name].Adopted(prefix))
	}
}
