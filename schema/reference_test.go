package schema

import (
	"flag"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/orch-build/orch/internal/golden"
)

var update = flag.Bool("update", false, "rewrite docs/language.md")

const referenceHead = `# Language reference

<!-- Made from the descriptions in package schema: go test ./schema -run TestReference -update -->

The blocks of a build.hcl and their attributes. [build.hcl](build-hcl.md) shows how
they are used, [Functions](functions.md) lists what expressions may call. What is
marked with ¹ is not in the language of bake files. In an object, further keys than
those listed here are those of BuildKit's exporter or cache.
`

// TestReference holds docs/language.md to the descriptions of the blocks.
func TestReference(t *testing.T) {
	var b strings.Builder
	b.WriteString(referenceHead)
	nested := nestedKinds()
	for _, kind := range blockKinds(Build) {
		writeKind(&b, kind, "")
		for _, name := range kind.blocks {
			if name != cacheKind.name && name != skipKind.name { // the same as at the top of a file
				writeKind(&b, nested[name], kind.name)
			}
		}
	}
	golden.Check(t, *update, "../docs/language.md", b.String())
}

func writeKind(b *strings.Builder, kind *blockKind, outer string) {
	title := kind.name
	if outer != "" {
		title += " in " + outer
	}
	fmt.Fprintf(b, "\n## %s\n\n", title)
	label := ""
	if kind.label {
		label = `"NAME" `
	}
	fmt.Fprintf(b, "`%s %s{ … }`: %s%s\n\n", kind.name, label, kind.doc, only(kind))
	b.WriteString("| attribute | type | is |\n|---|---|---|\n")
	for _, a := range kind.attrs {
		if a.misplaced == "" {
			fmt.Fprintf(b, "| `%s`%s | `%s` | %s |\n", a.Name, mark(a.buildOnly), a.Type, cell(a))
		}
	}
	for _, name := range kind.blocks {
		fmt.Fprintf(b, "| `%s { … }`%s | block | see [%s](#%s) |\n", name, mark(nestedKinds()[name].buildOnly), name, anchor(name, kind.name))
	}
	if kind == &targetKind {
		writeEffects(b)
	}
	for _, a := range kind.attrs {
		writeFields(b, kind.name, a)
	}
}

// writeEffects writes how the attributes of a target are overridden and
// inherited, and whether they are part of digests.
func writeEffects(b *strings.Builder) {
	b.WriteString("\nHow they are overridden with `--set TARGET.KEY=VALUE`, what happens to an inherited list, and whether they are part of digests:\n\n" +
		"| attribute | keys of `--set` | an inherited list | in digests |\n|---|---|---|---|\n")
	for _, a := range append(TargetAttributes(), cacheAttribute, skipAttribute) {
		list := ""
		if strings.HasPrefix(a.Type, "list(") {
			list = [...]string{Replaces: "is replaced", Grows: "is added to", OnlyGrows: "is added to, by `--set` too", ByName: "is added to; of one name the last counts"}[a.Merge]
		}
		effect := "yes"
		if a.Effect != ChangesResult {
			effect = "no: " + a.Effect
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", a.Name, setKeys(a.Set), list, effect)
	}
}

func setKeys(keys []SetKey) string {
	var out []string
	for _, k := range keys {
		text := k.Name
		if k.Shape == Named {
			text += ".NAME"
		}
		out = append(out, "`"+text+"`")
	}
	return strings.Join(out, ", ")
}

// writeFields writes the keys of an object.
func writeFields(b *strings.Builder, kind string, a Attribute) {
	if len(a.Fields) == 0 {
		return
	}
	fmt.Fprintf(b, "\nKeys of `%s` in a %s:\n\n| key | type | is |\n|---|---|---|\n", a.Name, kind)
	for _, f := range a.Fields {
		fmt.Fprintf(b, "| `%s` | `%s` | %s |\n", f.Name, f.Type, cell(f))
	}
}

// only says of a block that bake files have none of it.
func only(kind *blockKind) string {
	if kind.buildOnly {
		return " Only in build.hcl."
	}
	return ""
}

func mark(buildOnly bool) string {
	if buildOnly {
		return "¹"
	}
	return ""
}

// anchor is where the page describes a block that is inside another.
func anchor(name, outer string) string {
	if name == cacheKind.name || name == skipKind.name {
		return name
	}
	return name + "-in-" + outer
}

// flagInText matches a flag in the description of an attribute.
var flagInText = regexp.MustCompile(`--[a-z][a-z-]*(?:=[\w=]+)?`)

func cell(a Attribute) string {
	doc := flagInText.ReplaceAllString(strings.ReplaceAll(a.Doc, "|", `\|`), "`$0`")
	if a.Required {
		doc += " Required."
	}
	return doc
}
