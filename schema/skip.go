package schema

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
)

// Skip is a skip block: at the top of a file what holds for every target,
// inside a target what is different for that one.
type Skip struct{ Block }

// skipKind describes the skip block.
var skipKind = blockKind{
	name:      "skip",
	doc:       "Leaves out the builds whose images are in the registry already, proven by their digests.",
	buildOnly: true,
	attrs: []Attribute{
		{Name: "mode", Type: "string", Doc: "proven (the default where there is a skip block) or never."},
		{Name: "max-age", Type: "string", Doc: "How old a build may be that takes the place of another, such as 12h or 30d; any age if it is not written."},
		{Name: "audit", Type: "number", Doc: "How many of a hundred skipped targets are built all the same, without cache, and compared; 0 if it is not written."},
		{Name: "trust", Type: "string", Doc: "Whose records are believed: pushers, all who can push to the repository (the default), or key, only those that are signed."},
		{Name: "key", Type: "string", Doc: "A file with the public key that records are signed with (ed25519, PEM); the private key is in ORCH_SKIP_KEY."},
		{Name: "check", Type: "string", Doc: "How an image is checked that its tags point to already: sample (the default) asks for the tag, and for all of some images; full asks for all of each."},
	},
	add: func(f *File, b Block) { f.Skips = append(f.Skips, &Skip{b}) },
}

// targetSkipKind is the skip block inside a target.
var targetSkipKind = blockKind{name: skipKind.name, buildOnly: true, attrs: skipKind.attrs}

// skipAttribute describes the skip block of a target as an attribute.
var skipAttribute = Attribute{
	Name: targetSkipKind.name, Type: "object", Fields: skipKind.attrs, buildOnly: true, Effect: "saves work",
	Set: []SetKey{{Name: "skip", Shape: Named, NoAppend: true}},
}

// SkipAttributes returns the attributes of a skip block, in the order in which
// they are documented.
func SkipAttributes() []Attribute { return skipKind.attrs }

// addNested enters a block that was inside the last target.
func addNested(f *File, b Block) hcl.Diagnostics {
	if b.Kind == targetCacheKind.name {
		return addCache(f, b)
	}
	t := f.Targets[len(f.Targets)-1]
	if t.Skip != nil {
		return hcl.Diagnostics{{
			Severity: hcl.DiagError,
			Summary:  "Second skip block",
			Detail:   fmt.Sprintf("Target %q has a skip block at %s already. Write its attributes in one block.", t.Label, t.Skip.DefRange),
			Subject:  b.DefRange.Ptr(),
		}}
	}
	t.Skip = &Skip{b}
	return nil
}
