package docsite

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/orch-build/orch/internal/output"
)

//go:embed page.html site.css site.js
var own embed.FS

// Site is what is made of the documentation: files, by their name in the site.
type Site map[string][]byte

// contents is the page whose tables are the navigation; it is the first page too.
const contents = "docs/README.md"

// searchFile is the script that holds what the search knows.
const searchFile = "search.js"

// Make makes the site of a repository. Links to files that are no pages lead to
// the web address source, followed by the name of the file.
func Make(repository fs.FS, source string) (Site, error) {
	names, err := markdownFiles(repository)
	if err != nil {
		return nil, err
	}
	m := maker{repository: repository, source: source, pages: map[string]*page{}, site: Site{}}
	for _, name := range names {
		text, err := fs.ReadFile(repository, name)
		if err != nil {
			return nil, err
		}
		m.pages[name] = &page{file: name, address: address(name), markdown: text, title: titleOf(name, text)}
	}
	if m.pages[contents] == nil {
		return nil, fmt.Errorf("there is no %s, which holds the contents of the site", contents)
	}
	for _, name := range names {
		if err := m.render(m.pages[name]); err != nil {
			return nil, fmt.Errorf("making a page of %s: %w", name, err)
		}
	}
	return m.site, m.write(names)
}

// Write writes a site into a folder, in the place of the site that is there. A
// folder that holds something else stays as it is.
func (s Site) Write(dir string) error {
	if err := replaceable(dir); err != nil {
		return err
	}
	folder, err := output.CreateFolder(dir)
	if err != nil {
		return err
	}
	defer folder.Discard()
	for name, data := range s {
		file := filepath.Join(folder.Path(), filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := output.WriteFile(file, data, 0o644); err != nil {
			return err
		}
	}
	return folder.Replace()
}

// replaceable refuses a folder that holds something else than a site.
func replaceable(dir string) error {
	files, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(files) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, searchFile)); err != nil {
		return fmt.Errorf("%s holds something that is not a documentation site: name a new folder", dir)
	}
	return nil
}

// markdownFiles lists the pages: those of docs, those of the examples, and those
// at the top.
func markdownFiles(repository fs.FS) ([]string, error) {
	var names []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md", "examples/*.md", "examples/*/*.md"} {
		found, err := fs.Glob(repository, pattern)
		if err != nil {
			return nil, err
		}
		names = append(names, found...)
	}
	return names, nil
}

// address is the name of a page in the site: docs are at its top.
func address(file string) string {
	if file == "README.md" {
		return "about.html"
	}
	name := strings.TrimPrefix(file, "docs/")
	if path.Base(name) == "README.md" {
		name = path.Join(path.Dir(name), "index.md")
	}
	return strings.ToLower(strings.TrimSuffix(name, ".md")) + ".html"
}

// maker makes the pages.
type maker struct {
	repository fs.FS
	source     string
	pages      map[string]*page
	site       Site
}

// page is one page of the site.
type page struct {
	file, address string
	markdown      []byte
	title         string
	body          []byte
	headings      []heading
	sections      []section
}

// heading is a heading of a page, but for its title.
type heading struct {
	Level    int
	ID, Text string
}

// section is what the search knows: a heading and the text below it.
type section struct {
	Page    string `json:"p"` // title of the page
	Heading string `json:"h,omitempty"`
	Address string `json:"a"`
	Text    string `json:"t"`
}

// chapter is a part of the navigation.
type chapter struct {
	Title string
	Links []navLink
}

// navLink is a line of the navigation.
type navLink struct {
	Title, Address string
	Here           bool
}

// write fills the site from the pages.
func (m *maker) write(names []string) error {
	layout, err := template.ParseFS(own, "page.html")
	if err != nil {
		return err
	}
	chapters := m.chapters()
	var index []section
	for _, name := range ordered(names, chapters) {
		p := m.pages[name]
		var b bytes.Buffer
		if err := layout.Execute(&b, m.view(p, chapters)); err != nil {
			return fmt.Errorf("writing the page of %s: %w", name, err)
		}
		m.site[p.address] = b.Bytes()
		index = append(index, p.sections...)
	}
	if m.site[searchFile], err = searchIndex(index); err != nil {
		return err
	}
	for _, name := range []string{"site.css", "site.js"} {
		if m.site[name], err = own.ReadFile(name); err != nil {
			return err
		}
	}
	return nil
}

// ordered has the pages of the navigation first, as the search lists what is
// equally good in this order.
func ordered(names []string, chapters []chapter) []string {
	place := map[string]int{"index.html": -1}
	for _, c := range chapters {
		for _, l := range c.Links {
			place[l.Address] = len(place)
		}
	}
	names = slices.Clone(names)
	slices.SortStableFunc(names, func(a, b string) int {
		pa, ina := place[address(a)]
		pb, inb := place[address(b)]
		switch {
		case ina && inb:
			return pa - pb
		case ina:
			return -1
		case inb:
			return 1
		}
		return 0
	})
	return names
}

// searchIndex is JSON in a script: a page that is opened as a file may load
// scripts that lie beside it, and no other files.
func searchIndex(index []section) ([]byte, error) {
	data, err := json.Marshal(index)
	if err != nil {
		return nil, err
	}
	return slices.Concat([]byte("const sections = "), data, []byte(";\n")), nil
}

// view is what the layout shows.
type view struct {
	Title, Root, Source string
	Body                template.HTML
	Chapters            []chapter
	Headings            []heading
	Before, After       *navLink
}

func (m *maker) view(p *page, chapters []chapter) view {
	v := view{
		Title: p.title, Root: strings.Repeat("../", strings.Count(p.address, "/")), Source: m.source + p.file,
		Body:     template.HTML(p.body), //nolint:gosec // goldmark has made it, without raw HTML
		Headings: p.headings,
	}
	var line []navLink
	for _, c := range chapters {
		shown := chapter{Title: c.Title}
		for _, l := range c.Links {
			l.Here = l.Address == p.address
			shown.Links = append(shown.Links, l)
		}
		line = append(line, shown.Links...)
		v.Chapters = append(v.Chapters, shown)
	}
	if i := slices.IndexFunc(line, func(l navLink) bool { return l.Here }); i >= 0 {
		if i > 0 {
			v.Before = &line[i-1]
		}
		if i+1 < len(line) {
			v.After = &line[i+1]
		}
	}
	return v
}
