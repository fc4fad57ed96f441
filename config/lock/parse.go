package lock

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	digest "github.com/opencontainers/go-digest"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/gocty"

	"github.com/orch-build/orch/internal/fault"
	"github.com/orch-build/orch/internal/hclparse"
	"github.com/orch-build/orch/internal/lazyregexp"
	"github.com/orch-build/orch/internal/shellquote"
	"github.com/orch-build/orch/internal/suggest"
)

// MaxSize bounds a lock: tens of thousands of entries fit in.
const MaxSize = 16 << 20

// Parse reads a lock. With an error among the faults there is none.
func Parse(name string, data []byte) (*Lock, fault.Diagnostics) {
	p := &parser{lock: New(name), file: name, blocks: map[Key]hcl.Range{}}
	p.parse(data)
	if p.faults.Diags.HasErrors() {
		return nil, p.faults.Diags
	}
	return p.lock, p.faults.Diags
}

type parser struct {
	lock   *Lock
	file   string
	faults fault.Report
	blocks map[Key]hcl.Range
}

// command is the call of orch that writes the lock, as a part of a sentence.
func (p *parser) command() string {
	call := []string{"lock"}
	if filepath.Base(p.file) != FileName {
		call = append(call, "--lock", p.file)
	}
	return shellquote.InText(shellquote.Command("orch", call...))
}

// again is the advice for a lock that cannot be read.
func (p *parser) again() string {
	if filepath.Base(p.file) != FileName {
		return "Or, if it is a lock, remove it and run " + p.command() + ", which looks up everything anew."
	}
	return "Or remove the file and run " + p.command() + ", which looks up everything anew."
}

func (p *parser) parse(data []byte) {
	if len(data) > MaxSize {
		p.faults.Fail(p.line(1), "Lock too large", "%s has %d bytes, and %d are the most. %s", p.file, len(data), MaxSize, p.again())
		return
	}
	if at, ok := conflict(data); ok {
		p.faults.Fail(p.line(at), "Merge conflict in the lock", "A merge has left conflict markers in %s. Take the same side of all conflicts, since two sides do not mix within an entry: "+
			"%s, or --theirs. Then run %s, which adds what is missing. %s",
			p.file, shellquote.InText(shellquote.Command("git", "checkout", "--ours", p.file)), p.command(), p.again())
		return
	}
	if d := hclparse.Limits(data, p.file); d != nil {
		p.faults.Fail(p.line(d.Subject.Start.Line), d.Summary, "%s %s", d.Detail, p.again())
		return
	}
	body, diags := hclparse.Parse(data, p.file)
	if diags.HasErrors() {
		p.faults.Diags = append(p.faults.Diags, diags...)
		return
	}
	if !p.version(body) {
		return
	}
	for _, b := range body.Blocks {
		p.entry(b)
	}
}

// conflict finds the line of a conflict marker.
func conflict(data []byte) (line int, ok bool) {
	for text := range bytes.Lines(data) {
		line++
		for _, mark := range []string{"<<<<<<< ", ">>>>>>> ", "||||||| "} {
			if bytes.HasPrefix(text, []byte(mark)) {
				return line, true
			}
		}
		if string(bytes.TrimRight(text, "\r\n")) == "=======" {
			return line, true
		}
	}
	return 0, false
}

func (p *parser) line(n int) hcl.Range {
	return hcl.Range{Filename: p.file, Start: hcl.Pos{Line: n, Column: 1}, End: hcl.Pos{Line: n, Column: 1}}
}

// version says whether the file is of this version of the format. Nothing else of
// a newer one is looked at.
func (p *parser) version(body *hclsyntax.Body) bool {
	attr := body.Attributes["version"]
	if attr == nil {
		p.faults.Fail(p.line(1), "No version", "%s does not say of which version its format is. Write version = %d. %s", p.file, Version, p.again())
		return false
	}
	v, diags := attr.Expr.Value(nil)
	var n int
	if diags.HasErrors() || gocty.FromCtyValue(v, &n) != nil || n < 1 {
		p.faults.Fail(attr.Expr.Range(), "Invalid version", "The version of the format is a number, such as %d. %s", Version, p.again())
		return false
	}
	if n > Version {
		p.faults.Fail(attr.Expr.Range(), "Newer lock", "%s has version %d of the format, and this orch reads up to version %d. Update orch, or use the orch that has written the file.", p.file, n, Version)
		return false
	}
	for _, a := range inOrder(body.Attributes) {
		if a.Name != "version" {
			p.faults.Fail(a.NameRange, "Unknown attribute", "A lock has no attribute %q outside of its blocks.", a.Name)
		}
	}
	return true
}

// inOrder are attributes in the order in which they are written.
func inOrder(attrs hclsyntax.Attributes) []*hclsyntax.Attribute {
	return slices.SortedFunc(maps.Values(attrs), func(a, b *hclsyntax.Attribute) int {
		return cmp.Compare(a.NameRange.Start.Byte, b.NameRange.Start.Byte)
	})
}

// entry reads a block.
func (p *parser) entry(b *hclsyntax.Block) {
	kind := Kind(b.Type)
	if !slices.Contains(Kinds, kind) {
		var names []string
		for _, k := range Kinds {
			names = append(names, string(k))
		}
		p.faults.Fail(b.TypeRange, "Unknown block", "A lock has no block %q; there are %s.%s", b.Type, strings.Join(names, ", "), suggest.Sentence(b.Type, names))
		return
	}
	if len(b.Labels) != 1 || b.Labels[0] == "" {
		p.faults.Fail(b.TypeRange, "No name", "A block %s has one name, as in %s \"NAME\" { … }.", kind, kind)
		return
	}
	e := Entry{Key: Key{kind, Canonical(kind, b.Labels[0])}, Range: b.DefRange()}
	if at, ok := p.blocks[e.Key]; ok {
		p.faults.Fail(b.LabelRanges[0], "Locked twice", "%s is locked at %s already. Keep one of the two, it does not matter which, and run 'orch lock'.", e.Key, fault.Place(at))
		return
	}
	p.blocks[e.Key] = e.Range
	if p.attributes(&e, b.Body) {
		p.lock.Put(e)
	}
}

// attributes reads what is in a block.
func (p *parser) attributes(e *Entry, body *hclsyntax.Body) bool {
	ok := true
	bad := func(at hcl.Range, summary, format string, args ...any) {
		ok = false
		p.faults.Fail(at, summary, format, args...)
	}
	for _, b := range body.Blocks {
		bad(b.TypeRange, "Unknown block", "An entry of a lock has no blocks.")
	}
	for _, a := range inOrder(body.Attributes) {
		v, diags := a.Expr.Value(nil)
		if diags.HasErrors() {
			bad(a.Expr.Range(), "Invalid value", "The values of a lock are strings, without variables and functions.")
			continue
		}
		if text := e.set(a.Name, v); text != "" {
			bad(a.Expr.Range(), "Invalid value", "%s.", text)
		}
	}
	if ok && e.Digest == "" {
		bad(body.MissingItemRange(), "No "+digestName(e.Kind), "The entry of %s does not say what it is locked to. Take it out, and run 'orch lock', which looks it up.", e.Key)
	}
	if written := e.written(); ok && written != "" && written != e.Digest {
		bad(body.MissingItemRange(), "Two meanings", "The name of %s is pinned to something else than %s. Take the entry out, and run 'orch lock'.", e.Key, e.Digest)
	}
	return ok
}

// written is what the name of the entry is pinned to itself, or "".
func (e *Entry) written() string {
	switch e.Kind {
	case Image, Frontend:
		_, digest := SplitDigest(e.Name)
		return digest
	case Git:
		if _, ref := SplitGit(e.Name); commit.MatchString(ref) {
			return ref
		}
	}
	return ""
}

var commit = lazyregexp.New(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// set takes over an attribute, and says what is wrong with it.
func (e *Entry) set(name string, v cty.Value) string {
	switch {
	case name == digestName(e.Kind), name == digestName(HTTP) && e.Kind == Definition:
		text, ok := stringOf(v)
		if !ok || !e.valid(text) {
			return fmt.Sprintf("%s of %s is %s", name, e.Key, e.form())
		}
		e.Digest = text
	case name == "resolved":
		text, _ := stringOf(v)
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return "resolved is a time such as 2026-01-31T12:00:00Z"
		}
		e.Resolved = at.UTC()
	case name == "platforms":
		return e.setPlatforms(v)
	case name == "used-by":
		if !v.CanIterateElements() || v.Type().IsObjectType() || v.Type().IsMapType() {
			return "used-by is a list of strings"
		}
		for _, one := range v.AsValueSlice() {
			text, ok := stringOf(one)
			if !ok {
				return "used-by is a list of strings"
			}
			e.UsedBy = append(e.UsedBy, text)
		}
	default:
		return fmt.Sprintf("an entry %s has no attribute %q; there are %s, platforms, resolved and used-by", e.Kind, name, digestName(e.Kind))
	}
	return ""
}

func (e *Entry) setPlatforms(v cty.Value) string {
	const form = "platforms has a digest for each platform, as in { \"linux/amd64\" = \"sha256:…\" }"
	if !v.CanIterateElements() || !v.Type().IsObjectType() && !v.Type().IsMapType() {
		return form
	}
	e.Platforms = map[string]string{}
	for name, one := range v.AsValueMap() {
		text, ok := stringOf(one)
		if _, err := digest.Parse(text); !ok || err != nil {
			return form
		}
		e.Platforms[name] = text
	}
	return ""
}

// valid says whether an entry can be locked to this.
func (e *Entry) valid(text string) bool {
	if e.Kind == Git || e.Kind == Definition && commit.MatchString(text) {
		return commit.MatchString(text)
	}
	_, err := digest.Parse(text)
	return err == nil
}

func (e *Entry) form() string {
	switch e.Kind {
	case Git:
		return "a full commit hash"
	case Definition:
		return "a full commit hash, or a digest such as sha256:…"
	default:
		return "a digest such as sha256:…"
	}
}

func stringOf(v cty.Value) (string, bool) {
	if v.IsNull() || v.Type() != cty.String {
		return "", false
	}
	return v.AsString(), true
}
