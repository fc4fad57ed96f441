package docsite

import (
	"bytes"
	"fmt"
	"html"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// render makes HTML of a page: its links lead to pages of the site, its comments
// are gone, and wide things can be scrolled for themselves.
func (m *maker) render(p *page) error {
	markdown := goldmark.New(
		goldmark.WithExtensions(extension.Table),
		goldmark.WithParserOptions(parser.WithAutoHeadingID()),
		goldmark.WithRendererOptions(renderer.WithNodeRenderers(util.Prioritized(narrow{}, 1))),
	)
	doc := markdown.Parser().Parse(text.NewReader(p.markdown), parser.WithContext(parser.NewContext(parser.WithIDs(&slugs{}))))
	if err := m.follow(p, doc); err != nil {
		return err
	}
	p.read(doc)
	var b bytes.Buffer
	if err := markdown.Renderer().Render(&b, p.markdown, doc); err != nil {
		return err
	}
	p.body = b.Bytes()
	return nil
}

// follow turns links into those of the site, and takes comments out.
func (m *maker) follow(p *page, doc ast.Node) error {
	var comments []ast.Node
	err := ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		var err error
		switch n := n.(type) {
		case *ast.Link:
			m.name(p, n)
			n.Destination, err = m.link(p, n.Destination)
		case *extast.Table:
			label(n, p.markdown)
		case *ast.Image:
			n.Destination, err = m.link(p, n.Destination)
		case *ast.HTMLBlock, *ast.RawHTML:
			comments = append(comments, n)
		}
		return ast.WalkContinue, err
	})
	for _, n := range comments {
		n.Parent().RemoveChild(n.Parent(), n)
	}
	return err
}

// link is the address that a link has in the site. A file beside the pages becomes
// part of the site, any other file is shown by the repository's own pages.
func (m *maker) link(p *page, to []byte) ([]byte, error) {
	target, anchor, hasAnchor := strings.Cut(string(to), "#")
	if strings.Contains(target, ":") || target == "" {
		return to, nil
	}
	name := path.Join(path.Dir(p.file), target)
	info, err := fs.Stat(m.repository, name)
	if err != nil {
		return nil, fmt.Errorf("following the link to %q: %w", target, err)
	}
	if info.IsDir() && m.pages[path.Join(name, "README.md")] != nil {
		name = path.Join(name, "README.md")
	}
	var place string
	switch {
	case m.pages[name] != nil:
		place = relative(p.address, m.pages[name].address)
	case path.Dir(name) == "docs" && !info.IsDir():
		data, err := fs.ReadFile(m.repository, name)
		if err != nil {
			return nil, err
		}
		m.site[path.Base(name)] = data
		place = relative(p.address, path.Base(name))
	default:
		place = m.source + name
	}
	if hasAnchor {
		place += "#" + anchor
	}
	return []byte(place), nil
}

// name gives a link that shows the name of a file the title of its page.
func (m *maker) name(p *page, n *ast.Link) {
	file, _, _ := strings.Cut(string(n.Destination), "#")
	to := m.pages[path.Join(path.Dir(p.file), file)]
	if to == nil || plain(n, p.markdown) != path.Base(file) {
		return
	}
	title := ast.NewString([]byte(to.title))
	title.SetRaw(true)
	n.RemoveChildren(n)
	n.AppendChild(n, title)
}

// titleOf is the title of a page: its first heading, or else the name of its file.
func titleOf(file string, markdown []byte) string {
	doc := goldmark.New().Parser().Parse(text.NewReader(markdown))
	for n := doc.FirstChild(); n != nil; n = n.NextSibling() {
		if h, ok := n.(*ast.Heading); ok && h.Level == 1 {
			return strings.TrimSpace(plain(h, markdown))
		}
	}
	return file
}

// label notes on the cells of a table what a narrow window needs to show them. There,
// the cells of a row are one below the other, and those between the first and the last
// say what column they are of; or the table scrolls, and short cells are one line.
func label(table *extast.Table, source []byte) {
	for row := table.FirstChild().NextSibling(); row != nil; row = row.NextSibling() {
		title := table.FirstChild().FirstChild()
		for cell := row.FirstChild(); cell != nil && title != nil; cell, title = cell.NextSibling(), title.NextSibling() {
			between := cell.PreviousSibling() != nil && cell.NextSibling() != nil
			switch text := strings.TrimSpace(plain(cell, source)); {
			case columns(table) > mostStacked && utf8.RuneCountInString(text) <= shortCell:
				cell.SetAttributeString("class", []byte("short"))
			case columns(table) <= mostStacked && between && text != "":
				cell.SetAttributeString("data-column", []byte(strings.TrimSpace(plain(title, source))))
			}
		}
	}
}

// shortCell is the number of characters that a cell of a table that scrolls has at most
// to be kept in one line.
const shortCell = 16

// mostStacked is how many columns a table has at most whose rows are shown as short
// lists in a narrow window. With more, they are for comparing: such a table scrolls.
const mostStacked = 3

// columns is how many columns a table has.
func columns(table ast.Node) int { return table.FirstChild().ChildCount() }

// relative is the link from one page of the site to another.
func relative(from, to string) string {
	return strings.Repeat("../", strings.Count(from, "/")) + to
}

// read takes the title, the headings, and what the search is to find.
func (p *page) read(doc ast.Node) {
	now := section{Address: p.address}
	var words strings.Builder
	end := func() {
		now.Text = strings.Join(strings.Fields(words.String()), " ")
		if now.Text != "" || now.Heading != "" {
			p.sections = append(p.sections, now)
		}
		words.Reset()
	}
	for n := doc.FirstChild(); n != nil; n = n.NextSibling() {
		h, ok := n.(*ast.Heading)
		if !ok {
			words.WriteString(plain(n, p.markdown) + " ")
			continue
		}
		title := strings.TrimSpace(plain(h, p.markdown))
		if h.Level == 1 {
			continue
		}
		end()
		id, _ := h.AttributeString("id")
		anchor, _ := id.([]byte)
		p.headings = append(p.headings, heading{Level: h.Level, ID: string(anchor), Text: title})
		now = section{Heading: title, Address: p.address + "#" + string(anchor)}
	}
	end()
	for i := range p.sections {
		p.sections[i].Page = p.title
	}
}

// plain is the text of a node, without its marks.
func plain(n ast.Node, source []byte) string {
	var b strings.Builder
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			if n.Type() == ast.TypeBlock {
				b.WriteByte(' ')
			}
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Text:
			b.Write(n.Value(source))
			if n.SoftLineBreak() {
				b.WriteByte(' ')
			}
		case *ast.String:
			b.Write(n.Value)
		case *ast.FencedCodeBlock, *ast.CodeBlock:
			for i := range n.Lines().Len() {
				line := n.Lines().At(i)
				b.Write(line.Value(source))
			}
		}
		return ast.WalkContinue, nil
	})
	return b.String()
}

// chapters are the navigation: the headings of the page of contents, each with the
// links in the table below it.
func (m *maker) chapters() []chapter {
	index := m.pages[contents]
	doc := goldmark.New(goldmark.WithExtensions(extension.Table)).Parser().Parse(text.NewReader(index.markdown))
	var chapters []chapter
	for n := doc.FirstChild(); n != nil; n = n.NextSibling() {
		if h, ok := n.(*ast.Heading); ok && h.Level > 1 {
			chapters = append(chapters, chapter{Title: strings.TrimSpace(plain(h, index.markdown))})
		}
		if _, ok := n.(*extast.Table); !ok || len(chapters) == 0 {
			continue
		}
		for row := n.FirstChild(); row != nil; row = row.NextSibling() {
			link, ok := firstLink(row)
			if !ok {
				continue
			}
			to := m.pages[path.Join(path.Dir(contents), string(link.Destination))]
			if to == nil {
				continue
			}
			last := &chapters[len(chapters)-1]
			last.Links = append(last.Links, navLink{Title: strings.TrimSpace(plain(link, index.markdown)), Address: to.address})
		}
	}
	return slices.DeleteFunc(chapters, func(c chapter) bool { return len(c.Links) == 0 })
}

// firstLink finds the link in the first cell of a row.
func firstLink(row ast.Node) (*ast.Link, bool) {
	if row.FirstChild() == nil {
		return nil, false
	}
	link, ok := row.FirstChild().FirstChild().(*ast.Link)
	return link, ok
}

// slugs names headings as GitHub does, so that a link to one holds on both.
type slugs struct{ seen map[string]int }

// Generate implements parser.IDs.
func (s *slugs) Generate(title []byte, _ ast.NodeKind) []byte {
	name := Slug(string(title))
	if s.seen == nil {
		s.seen = map[string]int{}
	}
	s.seen[name]++
	if n := s.seen[name] - 1; n > 0 {
		name += "-" + strconv.Itoa(n)
	}
	return []byte(name)
}

// Put implements parser.IDs.
func (s *slugs) Put([]byte) {}

// Slug is the name by which links reach a title, as GitHub makes it.
func Slug(title string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r > 127:
			return r
		}
		return -1
	}, strings.ToLower(title))
}

// narrow renders what a narrow window would break badly: tables and code.
type narrow struct{}

// RegisterFuncs implements renderer.NodeRenderer.
func (narrow) RegisterFuncs(r renderer.NodeRendererFuncRegisterer) {
	r.Register(extast.KindTable, framedTable)
	r.Register(ast.KindCodeSpan, codeInWords)
}

// framedTable puts a table into a frame that scrolls, so that a wide one does not make
// the page wide.
func framedTable(w util.BufWriter, _ []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	text := "</table></div>\n"
	if entering {
		class := "frame"
		if columns(n) <= mostStacked {
			class = "frame stacked"
		}
		text = "<div class=\"" + class + "\" tabindex=\"0\"><table>\n"
	}
	_, err := w.WriteString(text)
	return ast.WalkContinue, err
}

// longWord is the number of characters from which a word of code may be broken: it
// could be wider than a narrow window.
const longWord = 24

// codeInWords writes code that is broken between its words: a browser takes the hyphens of
// --keep-going for places where a line may end.
func codeInWords(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		return ast.WalkContinue, nil
	}
	words := strings.Split(strings.ReplaceAll(plain(n, source), "\n", " "), " ")
	for i, word := range words {
		marks := strings.ContainsFunc(word, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
		words[i] = html.EscapeString(word)
		if marks && utf8.RuneCountInString(word) <= longWord {
			words[i] = "<span>" + words[i] + "</span>"
		}
	}
	_, err := w.WriteString("<code>" + strings.Join(words, " ") + "</code>")
	return ast.WalkSkipChildren, err
}
