package block

import (
	"fmt"
	"maps"
	"path/filepath"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/config/eval"
	"github.com/orch-build/orch/schema"
)

// Outside is what the blocks of one kind say that are outside of targets; later
// files win.
type Outside[S any] struct {
	Settings S
	Ranges   map[string]hcl.Range
	// read says that there are Settings; until then there was only an error.
	read bool
}

// Cache evaluates the cache blocks outside of targets; nil is none.
func (x *Index) Cache(files []*schema.File) (*Outside[attribute.CacheSettings], hcl.Diagnostics) {
	return readOutside(x, files, attribute.CacheKind{}, attribute.CacheSettings.In, func(f *schema.File) []*schema.Block {
		return blocksOf(f.Caches, func(c *schema.Cache) *schema.Block { return &c.Block })
	})
}

// Skip evaluates the skip blocks outside of targets; nil is none.
func (x *Index) Skip(files []*schema.File) (*Outside[attribute.SkipSettings], hcl.Diagnostics) {
	return readOutside(x, files, attribute.SkipKind{}, attribute.SkipSettings.In, func(f *schema.File) []*schema.Block {
		return blocksOf(f.Skips, func(s *schema.Skip) *schema.Block { return &s.Block })
	})
}

// Lock evaluates the lock blocks; nil is none. They are texts, as those of a skip
// block.
func (x *Index) Lock(files []*schema.File) (*Outside[attribute.SkipSettings], hcl.Diagnostics) {
	as := func(s attribute.SkipSettings, _ string) attribute.SkipSettings { return s }
	return readOutside(x, files, attribute.SkipKind{}, as, func(f *schema.File) []*schema.Block {
		return blocksOf(f.Locks, func(l *schema.Lock) *schema.Block { return &l.Block })
	})
}

func blocksOf[B any](list []B, block func(B) *schema.Block) []*schema.Block {
	out := make([]*schema.Block, len(list))
	for i, b := range list {
		out[i] = block(b)
	}
	return out
}

// readOutside evaluates the blocks of one kind. Those of an imported file have
// paths that start from its folder: in gives them that.
func readOutside[S any](x *Index, files []*schema.File, kind attribute.Kind, in func(S, string) S, blocks func(*schema.File) []*schema.Block) (*Outside[S], hcl.Diagnostics) {
	var out *Outside[S]
	var diags hcl.Diagnostics
	for _, f := range files {
		list := blocks(f)
		for i, b := range list {
			if i > 0 {
				diags = append(diags, secondBlock(b, list[0]))
				continue
			}
			if out == nil {
				out = &Outside[S]{Ranges: map[string]hcl.Range{}}
			}
			expr := blockExpr{b}
			maps.Copy(out.Ranges, expr.ranges(b.Kind))
			value, more := x.ev.Root(expr, eval.WithRefs)
			diags = append(diags, more...)
			if more.HasErrors() || !value.IsWhollyKnown() {
				continue
			}
			settings, err := kind.Decode(value)
			if err != nil {
				diags = append(diags, x.ev.WrongType(b.Kind, expr, err))
				continue
			}
			if x.names != "" {
				settings = in(settings.(S), filepath.Dir(f.Name))
			}
			if out.read {
				settings = kind.Merge(out.Settings, settings)
			}
			out.Settings, out.read = settings.(S), true
		}
	}
	return out, diags
}

// secondBlock reports a block in a file that has one of the kind.
func secondBlock(b, first *schema.Block) *hcl.Diagnostic {
	if b.Kind == "lock" {
		return &hcl.Diagnostic{
			Severity: hcl.DiagError, Summary: "Second lock block", Subject: b.DefRange.Ptr(),
			Detail: fmt.Sprintf("There is a lock block at %s already. Write its attributes in one block.", first.DefRange),
		}
	}
	return &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  fmt.Sprintf("Second %s block", b.Kind),
		Detail:   fmt.Sprintf("There is a %s block at %s already. What is different for a target goes into a %s block inside it.", b.Kind, first.DefRange, b.Kind),
		Subject:  b.DefRange.Ptr(),
	}
}
