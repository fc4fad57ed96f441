package convert

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/orch-build/orch/internal/lazyregexp"
	"github.com/orch-build/orch/schema"
)

// document is a build.hcl that init is about to write: blocks with values as
// JSON has them, in which strings are templates.
type document struct {
	variables []block
	groups    []block
	targets   []block
	others    []block
}

// block is one block, or a constant if it has no kind.
type block struct {
	comment string // on lines of their own above it
	kind    string
	label   string
	attrs   map[string]any
}

// keyword is a word without quotes.
type keyword string

// defaultGroup makes the group "default" of every target but the hidden ones.
func (d *document) defaultGroup() {
	members := []any{}
	for _, t := range d.targets {
		if !strings.HasPrefix(t.label, "_") {
			members = append(members, t.label)
		}
	}
	d.groups = append(d.groups, block{kind: "group", label: "default", attrs: map[string]any{"targets": members}})
}

// variable enters a variable, unless it is there. A nil value is null, so
// that nothing is passed on unless it is set.
func (d *document) variable(name string, value any) {
	for _, v := range d.variables {
		if v.label == name {
			if !equalJSON(v.attrs["default"], value) {
				v.attrs["default"] = nil
			}
			return
		}
	}
	d.variables = append(d.variables, block{kind: "variable", label: name, attrs: map[string]any{"default": value}})
}

func equalJSON(a, b any) bool {
	x, err := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err == nil && err2 == nil && bytes.Equal(x, y)
}

// write returns the text of the definition.
func (d *document) write(header string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s\n", header)
	for _, blocks := range [][]block{d.others, d.variables, d.groups, d.targets} {
		for _, bl := range blocks {
			bl.write(&b)
		}
	}
	return hclwrite.Format(b.Bytes())
}

func (bl *block) write(b *bytes.Buffer) {
	b.WriteByte('\n')
	for line := range strings.Lines(bl.comment) {
		fmt.Fprintf(b, "# %s\n", strings.TrimRight(line, "\n"))
	}
	if bl.kind == "" {
		fmt.Fprintf(b, "%s = ", bl.label)
		writeValue(b, bl.attrs[bl.label])
		b.WriteByte('\n')
		return
	}
	label := ""
	if bl.label != "" {
		label = fmt.Sprintf(" %q", bl.label)
	}
	fmt.Fprintf(b, "%s%s {\n", bl.kind, label)
	for _, name := range attributeOrder(bl.attrs) {
		if inner, ok := bl.attrs[name].(block); ok {
			inner.write(b)
			continue
		}
		fmt.Fprintf(b, "%s = ", name)
		writeValue(b, bl.attrs[name])
		b.WriteByte('\n')
	}
	b.WriteString("}\n")
}

// attributeOrder lists the attributes of a block in the order in which those
// of a target are documented.
func attributeOrder(attrs map[string]any) []string {
	place := map[string]int{}
	for i, a := range schema.TargetAttributes() {
		place[a.Name] = i + 1
	}
	names := slices.Sorted(maps.Keys(attrs))
	slices.SortStableFunc(names, func(a, b string) int { return place[a] - place[b] })
	return names
}

// writeValue writes a value of JSON in HCL's native syntax.
func writeValue(b *bytes.Buffer, v any) {
	switch v := v.(type) {
	case nil:
		b.WriteString("null")
	case keyword:
		b.WriteString(string(v))
	case string:
		writeTemplate(b, v)
	case []string:
		items := make([]any, len(v))
		for i, s := range v {
			items[i] = s
		}
		writeValue(b, items)
	case []any:
		writeList(b, v)
	case map[string]any:
		b.WriteString("{\n")
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if hclsyntax.ValidIdentifier(k) {
				b.WriteString(k)
			} else {
				writeTemplate(b, k)
			}
			b.WriteString(" = ")
			writeValue(b, v[k])
			b.WriteByte('\n')
		}
		b.WriteByte('}')
	default:
		fmt.Fprint(b, v)
	}
}

// maxInline is how many characters of a list fit on one line.
const maxInline = 80

func writeList(b *bytes.Buffer, items []any) {
	var line bytes.Buffer
	for i, item := range items {
		if i > 0 {
			line.WriteString(", ")
		}
		writeValue(&line, item)
	}
	if line.Len() <= maxInline && !bytes.Contains(line.Bytes(), []byte("\n")) {
		fmt.Fprintf(b, "[%s]", line.Bytes())
		return
	}
	b.WriteString("[\n")
	for _, item := range items {
		writeValue(b, item)
		b.WriteString(",\n")
	}
	b.WriteByte(']')
}

// writeTemplate writes a text, which may have "${…}" in it, in quotes, or as
// a heredoc if it has several lines.
func writeTemplate(b *bytes.Buffer, s string) {
	if body, ok := strings.CutSuffix(s, "\n"); ok && strings.Contains(body, "\n") && !hasLine(s, "EOT") {
		fmt.Fprintf(b, "<<EOT\n%sEOT\n", s)
		return
	}
	if name := wholeName.FindStringSubmatch(s); name != nil {
		b.WriteString(name[1])
		return
	}
	b.WriteByte('"')
	tokens, _ := hclsyntax.LexTemplate([]byte(s), "", hcl.InitialPos)
	end := 0
	for _, t := range tokens {
		b.WriteString(s[end:max(end, t.Range.Start.Byte)])
		if t.Type == hclsyntax.TokenStringLit {
			b.WriteString(quoteLiteral(string(t.Bytes)))
		} else {
			b.Write(t.Bytes)
		}
		end = t.Range.End.Byte
	}
	b.WriteByte('"')
}

// wholeName is a template that is the value of one name.
var wholeName = lazyregexp.New(`^\$\{([A-Za-z_][\w.]*)\}$`)

func hasLine(s, line string) bool {
	for l := range strings.Lines(s) {
		if strings.TrimSpace(l) == line {
			return true
		}
	}
	return false
}

// quoteLiteral escapes what cannot be in quotes; templates stay.
func quoteLiteral(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(s)
}

// literal writes a text so that a template gives it back.
func literal(s string) string {
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(s)
}
