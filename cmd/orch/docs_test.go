package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/orch-build/orch/internal/docsite"
)

// docsRoot is the top of the repository.
const docsRoot = "../.."

// page is one page of the documentation, read for what can be tested of it.
type page struct {
	name   string // from the top of the repository
	text   []line // what is outside of code blocks
	blocks []codeBlock
}

type line struct {
	number int
	text   string
}

// codeBlock is a fenced block of code, with what comments above it say:
//
//	<!-- not run: REASON -->   it is only looked at, not run
//	<!-- in: NAME -->          this block and those below start with the files of docs/testdata/NAME
//	<!-- file: PATH -->        it is the file PATH for the blocks below
type codeBlock struct {
	line
	language string
	notRun   string
	in       string
	file     string
}

var directive = regexp.MustCompile(`^<!-- (not run|in|file): (.+) -->$`)

// documentation reads all pages that people read.
func documentation(t *testing.T) []page {
	t.Helper()
	var pages []page
	err := filepath.WalkDir(docsRoot, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || d.Name() == "changelog" || d.Name() == ".git" || d.Name() == "bin") {
			return filepath.SkipDir
		}
		if filepath.Ext(path) != ".md" || d.Name() == "CHANGELOG.md" {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(docsRoot, path)
		if err != nil {
			return err
		}
		pages = append(pages, readPage(filepath.ToSlash(name), string(data)))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return pages
}

func readPage(name, text string) page {
	p := page{name: name}
	var block *codeBlock
	var next codeBlock // what comments say of the next block
	for i, l := range strings.Split(text, "\n") {
		fence, isFence := strings.CutPrefix(strings.TrimSpace(l), "```")
		switch m := directive.FindStringSubmatch(l); {
		case block != nil && isFence:
			p.blocks = append(p.blocks, *block)
			block, next = nil, codeBlock{}
		case block != nil:
			block.text += l + "\n"
		case isFence:
			next.language, next.number = fence, i+1
			block = &next
		case m == nil:
			p.text = append(p.text, line{i + 1, l})
		case m[1] == "not run":
			next.notRun = m[2]
		case m[1] == "in":
			next.in = m[2]
		case m[1] == "file":
			next.file = m[2]
		}
	}
	return p
}

// link matches a link, or a picture, to another page.
var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// TestDocumentLinks follows the links between pages, to files, and to headings.
func TestDocumentLinks(t *testing.T) {
	pages := documentation(t)
	headings := map[string]map[string]bool{}
	for _, p := range pages {
		headings[p.name] = anchors(p)
	}
	for _, p := range pages {
		for _, l := range p.text {
			for _, m := range link.FindAllStringSubmatch(l.text, -1) {
				if !strings.Contains(m[1], "://") {
					checkLink(t, p, l.number, m[1], headings)
				}
			}
		}
	}
}

func checkLink(t *testing.T, p page, number int, target string, headings map[string]map[string]bool) {
	t.Helper()
	file, anchor, hasAnchor := strings.Cut(target, "#")
	name := p.name
	if file != "" {
		name = filepath.ToSlash(filepath.Join(filepath.Dir(p.name), file))
	}
	info, err := os.Stat(filepath.Join(docsRoot, name))
	if err != nil {
		t.Errorf("%s:%d: the link to %s leads nowhere", p.name, number, target)
		return
	}
	if info.IsDir() {
		name += "/README.md"
	}
	if hasAnchor && !headings[name][anchor] {
		t.Errorf("%s:%d: %s has no heading #%s", p.name, number, name, anchor)
	}
}

// anchors returns the names by which links reach the headings of a page.
func anchors(p page) map[string]bool {
	names := map[string]bool{}
	for _, l := range p.text {
		title, ok := strings.CutPrefix(strings.TrimLeft(l.text, "#"), " ")
		if ok && strings.HasPrefix(l.text, "#") {
			names[docsite.Slug(title)] = true
		}
	}
	return names
}

// TestReadmeLength keeps the first page short.
func TestReadmeLength(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(docsRoot, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(data), "\n"); n > 150 {
		t.Errorf("README.md has %d lines; it is to have 150 at most: move something to docs", n)
	}
}

// TestDocumentIndex wants every page of docs to be listed in docs/README.md.
func TestDocumentIndex(t *testing.T) {
	index, err := os.ReadFile(filepath.Join(docsRoot, "docs/README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range documentation(t) {
		name, ok := strings.CutPrefix(p.name, "docs/")
		if ok && name != "README.md" && !strings.HasPrefix(name, "cli/") && !strings.Contains(string(index), "("+name+")") {
			t.Errorf("docs/README.md does not list %s", name)
		}
	}
}

// TestAttributeExamples wants an example for each attribute of the reference, in
// docs/attributes.md; TestDocumentSnippets validates them.
func TestAttributeExamples(t *testing.T) {
	read := func(name string) string {
		data, err := os.ReadFile(filepath.Join(docsRoot, "docs", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	examples := map[string]string{} // of an attribute, as BLOCK.NAME
	for _, block := range strings.Split(read("attributes.md"), "\n## ")[1:] {
		kind, rest, _ := strings.Cut(block, "\n")
		for _, part := range strings.Split(rest, "\n### ")[1:] {
			name, text, _ := strings.Cut(part, "\n")
			_, code, _ := strings.Cut(text, "```hcl\n")
			examples[kind+"."+name] = code
		}
	}
	row := regexp.MustCompile("(?m)^\\| `([a-z_-]+)(?: \\{ … \\})?`")
	wanted := map[string]bool{}
	for _, block := range strings.Split(read("language.md"), "\n## ")[1:] {
		kind, rest, _ := strings.Cut(block, "\n")
		table, _, _ := strings.Cut(rest, "\n\nHow ")
		table, _, _ = strings.Cut(table, "\n\nKeys ")
		for _, m := range row.FindAllStringSubmatch(table, -1) {
			name := kind + "." + m[1]
			wanted[name] = true
			if !regexp.MustCompile(`(?m)(^|[\s{])` + m[1] + `\s*[={]`).MatchString(examples[name]) {
				t.Errorf("docs/attributes.md has no example of %s", name)
			}
		}
	}
	if len(wanted) < 70 {
		t.Errorf("docs/language.md lists %d attributes only: has its form changed?", len(wanted))
	}
	for name := range examples {
		if !wanted[name] {
			t.Errorf("docs/attributes.md has an example of %s, which is not an attribute", name)
		}
	}
}
