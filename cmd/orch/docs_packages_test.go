package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orch-build/orch/internal/golden"
)

// TestPackageTable holds the table in docs/architecture.md to the packages that
// there are and to what they say of themselves.
func TestPackageTable(t *testing.T) {
	const begin, end = "<!-- begin packages -->\n", "<!-- end packages -->\n"
	file := filepath.Join(docsRoot, "docs/architecture.md")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(data), begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no table between %q and %q", file, begin, end)
	}
	table := "| package | is |\n|---|---|\n"
	for _, p := range allPackages(t) {
		if p.doc != "" {
			table += fmt.Sprintf("| `%s` | %s |\n", p.name, synopsis(p.doc))
		}
	}
	golden.Check(t, *update, file, head+begin+table+end+tail)
}

// synopsis is the first sentence of a package's documentation, without the name.
func synopsis(doc string) string {
	words := strings.SplitN(doc, " ", 3)
	if len(words) < 3 || words[0] != "Package" && words[0] != "Command" {
		return doc
	}
	text := strings.TrimPrefix(words[2], "is ")
	return strings.NewReplacer("|", `\|`, "[", "", "]", "").Replace(text)
}
