package lock

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

// header begins each lock. It does not say by which version of orch it was
// written, so that two people with two versions write the same.
const header = `# What the targets take from outside. Written by orch lock: commit it, and move
# entries with orch lock --update.
version = %d
`

// Bytes is the text of a lock: sorted, with a blank line between entries and each
// element of a list on a line of its own, so that changes of two people merge.
func (l *Lock) Bytes() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, header, Version)
	for _, e := range l.Entries() {
		e.write(&b)
	}
	return []byte(b.String())
}

func (e *Entry) write(b *strings.Builder) {
	fmt.Fprintf(b, "\n%s %s {\n", e.Kind, quoted(e.Name))
	var rows [][2]string
	row := func(name, value string) { rows = append(rows, [2]string{name, value}) }
	row(e.digestName(), quoted(e.Digest))
	if !e.Resolved.IsZero() {
		row("resolved", quoted(e.Resolved.UTC().Format(time.RFC3339)))
	}
	width := 0
	for _, r := range rows {
		width = max(width, len(r[0]))
	}
	for _, r := range rows {
		fmt.Fprintf(b, "  %-*s = %s\n", width, r[0], r[1])
	}
	if len(e.Platforms) > 0 {
		b.WriteString("  platforms = {\n")
		names := slices.Sorted(maps.Keys(e.Platforms))
		width := 0
		for _, p := range names {
			width = max(width, len(quoted(p)))
		}
		for _, p := range names {
			fmt.Fprintf(b, "    %-*s = %s\n", width, quoted(p), quoted(e.Platforms[p]))
		}
		b.WriteString("  }\n")
	}
	if len(e.UsedBy) > 0 {
		b.WriteString("  used-by = [\n")
		for _, u := range slices.Compact(slices.Sorted(slices.Values(e.UsedBy))) {
			fmt.Fprintf(b, "    %s,\n", quoted(u))
		}
		b.WriteString("  ]\n")
	}
	b.WriteString("}\n")
}

// digestName is the name of the attribute that says what the entry is locked to.
func (e *Entry) digestName() string { return digestName(e.Source().Kind) }

// digestName is the name of the attribute that says what an entry is locked to; a
// definition that is a file has a checksum.
func digestName(kind Kind) string {
	switch kind {
	case Git, Definition:
		return "commit"
	case HTTP:
		return "checksum"
	default:
		return "digest"
	}
}

func quoted(s string) string {
	return string(hclwrite.TokensForValue(cty.StringVal(s)).Bytes())
}
