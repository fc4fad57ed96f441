package docsite

import (
	"fmt"
	"html"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/orch-build/orch/internal/browser"
	"github.com/orch-build/orch/internal/need"
)

func TestMain(m *testing.M) { os.Exit(browser.Main(m)) }

const source = "https://example.com/orch/"

// made is the site of this repository, which is made once.
func made(t *testing.T) Site {
	t.Helper()
	site, err := makeOnce()
	if err != nil {
		t.Fatal(err)
	}
	return site
}

var makeOnce = sync.OnceValues(makeSite)

func makeSite() (Site, error) { return Make(os.DirFS("../.."), source) }

var (
	link = regexp.MustCompile(`(?:href|src)="([^"]*)"`)
	id   = regexp.MustCompile(` id="([^"]*)"`)
)

// TestLinks follows every link of every page to a page of the site and a heading
// there, or to a file of the repository, and demands that each page is reached.
func TestLinks(t *testing.T) {
	site := made(t)
	ids := map[string][]string{}
	for name, data := range site {
		for _, m := range id.FindAllStringSubmatch(string(data), -1) {
			if slices.Contains(ids[name], m[1]) && path.Ext(name) == ".html" {
				t.Errorf("%s has two places #%s", name, m[1])
			}
			ids[name] = append(ids[name], m[1])
		}
	}
	reached := map[string]bool{"index.html": true}
	for name, data := range site {
		if path.Ext(name) != ".html" {
			continue
		}
		for _, m := range link.FindAllStringSubmatch(string(data), -1) {
			to := html.UnescapeString(m[1])
			if rest, ok := strings.CutPrefix(to, source); ok {
				file, _, _ := strings.Cut(rest, "#")
				if _, err := os.Stat(filepath.Join("../..", file)); err != nil {
					t.Errorf("%s: %v", name, err)
				}
				continue
			}
			if strings.Contains(to, ":") {
				continue
			}
			file, anchor, hasAnchor := strings.Cut(to, "#")
			target := name
			if file != "" {
				target = path.Join(path.Dir(name), file)
			}
			if site[target] == nil || strings.HasPrefix(target, "..") {
				t.Errorf("%s: the link to %s leads nowhere", name, to)
			}
			if hasAnchor && !slices.Contains(ids[target], anchor) {
				t.Errorf("%s: %s has no #%s", name, target, anchor)
			}
			if target != name {
				reached[target] = true
			}
		}
	}
	for name := range site {
		if !reached[name] {
			t.Errorf("no other page links to %s", name)
		}
	}
}

// TestNavigation wants a chapter for the tasks, with those that people look for.
func TestNavigation(t *testing.T) {
	index := string(made(t)["index.html"])
	for _, want := range []string{"From bake", "From Compose", "From Earthly", "Monorepo release", "Matrix CI", "Air-gapped", "Fleet"} {
		if !strings.Contains(index, ">"+want+"</a></li>") {
			t.Errorf("the navigation has no %q", want)
		}
	}
}

// TestSame makes the site twice: its bytes do not depend on anything but the files.
func TestSame(t *testing.T) {
	one := made(t)
	two, err := makeSite()
	if err != nil {
		t.Fatal(err)
	}
	for name := range one {
		if string(one[name]) != string(two[name]) {
			t.Errorf("%s differs", name)
		}
	}
}

func TestMake(t *testing.T) {
	site, err := Make(fstest.MapFS{
		"README.md":      {Data: []byte("# Top\n\n<!-- remark -->\nSee [docs](docs/), <b>bold</b> & [code](main.go#L3).\n")},
		"main.go":        {Data: []byte("package main")},
		"docs/README.md": {Data: []byte("# Docs\n\n## One\n\n| page |\n|---|\n| [Top](../README.md) |\n| [A](sub/a.md) |\n\n## Empty\n")},
		"docs/sub/a.md":  {Data: []byte("# A\n\n![](../p.svg) [self](#twice-1)\n\n## Twice\n\n## Twice\n\nlast `x<y`\n")},
		"docs/p.svg":     {Data: []byte("<svg/>")},
	}, source)
	if err != nil {
		t.Fatal(err)
	}
	for name, wants := range map[string][]string{
		"about.html": {`<a href="index.html">docs</a>`, `<a href="` + source + `main.go#L3">`, `<a rel="next" href="sub/a.html">`},
		"index.html": {`<a href="about.html">Top</a>`, `<h2>One</h2>
  <ul>`},
		"sub/a.html": {`<img src="../p.svg"`, `href="#twice-1"`, `id="twice-1"`, `href="../site.css"`, `aria-current="page">A</a>`},
		"p.svg":      {"<svg/>"},
		searchFile:   {`{"p":"A","h":"Twice","a":"sub/a.html#twice-1","t":"last x\u003cy"}`},
	} {
		for _, want := range wants {
			if !strings.Contains(string(site[name]), want) {
				t.Errorf("%s has no %s:\n%s", name, want, site[name])
			}
		}
	}
	for _, unwanted := range []string{"remark", "<b>", "raw HTML"} {
		if strings.Contains(string(site["about.html"]), unwanted) {
			t.Errorf("about.html has %s", unwanted)
		}
	}
}

// TestNarrow looks at what is made for narrow windows: words of code that are not broken
// at their hyphens, cells that say what they are, links with the title of their page.
func TestNarrow(t *testing.T) {
	site, err := Make(fstest.MapFS{
		"docs/README.md": {Data: []byte("# Docs\n\nrun `orch bake --keep-going`, `<a-b>` or\n`--a-flag-that-is-longer-than-any-screen`; see [a.md](a.md#x) and [it](a.md)\n\n" +
			"| attribute | a *type* | is |\n|---|---|---|\n| `x` | `list(string)` | of any \\| kind |\n| y | | |\n")},
		"docs/a.md": {Data: []byte("# All & `sundry`\n\n## x\n\n| a | b | c | d |\n|---|---|---|---|\n| 1.30 s | a cell that has some words | | |\n")},
	}, source)
	if err != nil {
		t.Fatal(err)
	}
	for name, wants := range map[string][]string{
		"index.html": {
			`<code>orch bake <span>--keep-going</span></code>`, `<code><span>&lt;a-b&gt;</span></code>`, `<code>--a-flag-that-is-longer-than-any-screen</code>`,
			`<a href="a.html#x">All &amp; sundry</a> and <a href="a.html">it</a>`,
			`<div class="frame stacked" tabindex="0"><table>`, `<td><code>x</code></td>`, `<td data-column="a type"><code><span>list(string)</span></code></td>`,
			`<td>of any | kind</td>`, "<td>y</td>\n<td></td>\n<td></td>",
		},
		"a.html": {`<title>All &amp; sundry · orch</title>`, `<div class="frame" tabindex="0"><table>`, `<td class="short">1.30 s</td>`, `<td>a cell that has some words</td>`},
	} {
		for _, want := range wants {
			if !strings.Contains(string(site[name]), want) {
				t.Errorf("%s has no %s:\n%s", name, want, site[name])
			}
		}
	}
}

func TestMakeFaults(t *testing.T) {
	for name, c := range map[string]struct {
		files fstest.MapFS
		want  string
	}{
		"no contents": {fstest.MapFS{"README.md": {Data: []byte("# x\n")}}, "docs/README.md"},
		"a dead link": {fstest.MapFS{"docs/README.md": {Data: []byte("[x](gone.md)\n")}}, `following the link to "gone.md"`},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Make(c.files, source); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestWrite replaces a site, and nothing else.
func TestWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "site")
	if err := (Site{searchFile: []byte("1"), "old.html": nil}).Write(dir); err != nil {
		t.Fatal(err)
	}
	if err := (Site{searchFile: []byte("2"), "sub/new.html": nil}).Write(dir); err != nil {
		t.Fatal(err)
	}
	var files []string
	_ = fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if !d.IsDir() {
			files = append(files, name)
		}
		return err
	})
	if got := fmt.Sprint(files); got != "[search.js sub/new.html]" {
		t.Errorf("the folder has %s", got)
	}
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "precious"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := (Site{}).Write(other); err == nil || !strings.Contains(err.Error(), "not a documentation site") {
		t.Errorf("writing over another folder: %v", err)
	}
}

// TestPages looks at the pages in a browser, narrow and wide, light and dark. What is
// special about a page is what it may have too wide for a narrow window; around it, in a
// wide one, all are made alike.
func TestPages(t *testing.T) {
	site := made(t)
	dir := filepath.Join(t.TempDir(), "site")
	if err := site.Write(dir); err != nil {
		t.Fatal(err)
	}
	p := browser.Visit(t, filepath.Join(dir, "index.html"))
	samples := []string{"index", "language", "attributes", "tasks/from-bake", "cli/orch-bake", "plan"}
	for name := range site {
		// The pages of commands are all made alike.
		if path.Ext(name) != ".html" || path.Dir(name) == "cli" && name != "cli/orch-bake.html" && !need.Long() {
			continue
		}
		p.Go(filepath.Join(dir, filepath.FromSlash(name)))
		for _, width := range []int{400, 1280} {
			if width == 1280 && !need.Long() && !slices.Contains(samples, strings.TrimSuffix(name, ".html")) {
				continue
			}
			p.Size(width, 800)
			testFits(t, p, name, width)
		}
	}
	for _, name := range samples {
		p.Go(filepath.Join(dir, filepath.FromSlash(name)+".html"))
		for _, width := range []int{400, 1280} {
			p.Size(width, 800)
			p.Light()
			p.Picture(fmt.Sprintf("%s-%d-light", path.Base(name), width))
			p.Dark()
			p.Picture(fmt.Sprintf("%s-%d-dark", path.Base(name), width))
		}
	}
	testUse(t, p, filepath.Join(dir, "cli", "orch-bake.html"))
	if problems := p.Problems(); len(problems) > 0 {
		t.Error(strings.Join(problems, "\n"))
	}
}

// testFits demands that nothing is wider than the window, that nothing is cut off
// but what can be scrolled, that no text is too small, and that no short word of code
// is broken over two lines.
func testFits(t *testing.T, p *browser.Page, name string, width int) {
	t.Helper()
	var out []string
	p.Run(`
const out = document.documentElement.scrollWidth > innerWidth ? ["the page: " + document.documentElement.scrollWidth] : [];
for (const e of document.querySelectorAll("article code span")) {
  if (e.getClientRects().length > 1) out.push("broken: " + e.textContent);
}
for (const e of document.querySelectorAll(".stacked")) {
  if (e.scrollWidth > e.clientWidth + 1) out.push("a table that is cut off: " + e.textContent.trim().slice(0, 40));
}
for (const e of document.querySelectorAll("body *")) {
  if (!e.getClientRects().length || e.closest(".skip, .frame table, pre code")) continue;
  const r = e.getBoundingClientRect();
  if (r.right > innerWidth + 1 || r.left < -1) out.push(e.tagName + ": " + e.textContent.slice(0, 40));
  if (parseFloat(getComputedStyle(e).fontSize) < 11) out.push("small: " + e.textContent.slice(0, 40));
}
return out;`, &out)
	if len(out) > 0 {
		t.Errorf("%s at %d px: %v", name, width, out)
	}
}

// testUse searches, by keys, and opens the menu of a narrow window.
func testUse(t *testing.T, p *browser.Page, start string) {
	t.Helper()
	p.Go(start)
	p.Size(1280, 800)
	p.Type("/")
	for _, key := range "air gap" {
		p.Type(string(key))
	}
	var found struct {
		First, Address string
		Chosen         int
	}
	p.Run(`const a = document.querySelector("#found a"); return { first: a.textContent, address: a.getAttribute("href"), chosen: document.querySelectorAll("#found .chosen").length };`, &found)
	if found.Chosen != 1 || !strings.HasPrefix(found.Address, "../") || !strings.Contains(found.First, "A machine with a network") {
		t.Errorf("the search finds %+v", found)
	}
	p.Picture("search-1280")
	p.Size(400, 800)
	p.Picture("search-400")
	testFits(t, p, "the search", 400)
	for query, want := range map[string]string{
		"dockerfile-inline":   "attributes.html#dockerfile-inline",
		"orch merge":          "cli/orch-merge.html",
		"from earthly":        "tasks/from-earthly.html",
		"network = \"none\"":  "attributes.html#network",
		"c++(*[ not anywhere": "",
		"air gap":             "tasks/air-gapped.html",
	} {
		var got string
		p.Run(fmt.Sprintf(`const s = document.getElementById("search"); s.value = %q; s.dispatchEvent(new Event("input"));
return document.querySelector("#found a")?.getAttribute("href") || "";`, query), &got)
		if got != "" {
			got = strings.TrimPrefix(got, "../")
		}
		if got != want {
			t.Errorf("searching %q finds %q first, not %q", query, got, want)
		}
	}
	p.Type("Escape")
	var nav []bool
	p.Run(`const shown = () => document.getElementById("nav").getClientRects().length > 0;
const before = shown(); document.getElementById("menu").click(); return [before, shown()];`, &nav)
	if !slices.Equal(nav, []bool{false, true}) {
		t.Errorf("the menu of a narrow window: %v", nav)
	}
	p.Picture("menu-400")
	testFits(t, p, "the menu", 400)
}
