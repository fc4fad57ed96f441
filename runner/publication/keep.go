package publication

import (
	"context"

	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/publish"
)

// comparer is a registry that compares images.
type comparer interface {
	Digest(ctx context.Context, ref publish.Ref) (string, error)
	Same(ctx context.Context, ref publish.Ref, a, b string) (bool, error)
}

// Keep leaves the tags of reproducible targets where they are whose content is what
// was built: an index of its own has each build only because provenance names the
// time. Where that cannot be found out, the tag moves.
func Keep(ctx context.Context, p *publish.Publisher, report *runner.Report) {
	r, ok := p.Registry.(comparer)
	if !ok {
		return
	}
	for _, t := range report.Targets {
		if t.Result == nil || t.Build == nil || t.Build.Target == nil || !t.Build.Target.Reproducible {
			continue
		}
		keepTags(ctx, r, t.Result)
	}
}

// keepTags has the tags of a result keep what they name. If all of them name one
// digest, it is that of the result.
func keepTags(ctx context.Context, r comparer, res *runner.Result) {
	kept := map[string]bool{}
	for i := range res.Unpublished {
		tag := &res.Unpublished[i]
		ref := publish.Ref{Name: tag.Name, Insecure: tag.Insecure}
		old, err := r.Digest(ctx, ref)
		if err == nil && old != "" && old != tag.Digest {
			if equal, err := r.Same(ctx, ref, old, tag.Digest); err == nil && equal {
				tag.Digest = old
			}
		}
		kept[tag.Digest] = true
	}
	if len(kept) != 1 || kept[res.Digest] {
		return
	}
	for d := range kept {
		res.Digest = d
	}
	if res.Metadata["containerimage.digest"] != nil {
		res.Metadata["containerimage.digest"] = res.Digest
		delete(res.Metadata, "containerimage.descriptor") // that of the index that nobody names
	}
}
