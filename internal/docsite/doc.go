// Package docsite makes a site of plain HTML pages of the Markdown files of the
// repository: one page for each file, with navigation, a list of the sections of
// the page, and a search that works without a server. Nothing is loaded over the
// network when a page is looked at. The package knows how Markdown files link to
// each other and to other files of the repository. It does not know what the
// pages are about, and runs none of their code.
package docsite
