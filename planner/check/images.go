package check

import (
	"maps"
	"path"
	"path/filepath"
	"slices"

	"github.com/distribution/reference"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/ocilayout"
	"github.com/orch-build/orch/planner"
)

// checkImageContexts reports contexts that are images and cannot be had: an image that
// cannot have that name, and a layout that is not there or lacks a part. They are
// fetched for a target that is only linked as well.
func (ck *checker) checkImageContexts(b *planner.Build) {
	for _, name := range slices.Sorted(maps.Keys(b.Target.Contexts)) {
		c, at := b.Target.Contexts[name], planner.ContextRange(b.Target, "contexts."+name)
		switch c.Kind {
		case config.Image:
			if _, err := reference.ParseNormalizedNamed(c.Value); err != nil {
				ck.report.Fail(at, "Invalid image name", "The context %q of target %q: %q is not the name of an image: %s.", name, b.Name(), c.Value, err)
			}
		case config.OCILayout:
			dir, _, _ := ocilayout.Split(c.Value)
			if !ck.isLayout(dir) {
				ck.report.Fail(at, "OCI layout not found", "The context %q of target %q is the layout %s, which has no index.json. Paths start from the working directory.", name, b.Name(), dir)
			} else if why := ck.layoutFault(dir, c.Value); why != "" {
				ck.report.Fail(at, "Image not in the OCI layout", "The context %q of target %q is the layout %s: %s.", name, b.Name(), dir, why)
			}
		}
	}
}

func (ck *checker) isLayout(dir string) bool {
	_, err := ck.opt.Files.Stat(path.Join(dir, "index.json"))
	return err == nil
}

// layoutFault says why the image of a layout cannot be taken, or "". What the run
// itself writes is not looked at before.
func (ck *checker) layoutFault(dir, ref string) string {
	if why, ok := ck.layouts[ref]; ok {
		return why
	}
	why := ""
	if local := filepath.FromSlash(dir); !ck.writes(local) && (ck.opt.Bundle == "" || filepath.Clean(ck.opt.Bundle) != filepath.Clean(local)) {
		_, digest, err := ocilayout.Image(ck.opt.Files, ref)
		if err != nil {
			why = err.Error()
		} else if lacks := ocilayout.Lacks(ck.opt.Files, dir, digest); lacks != "" {
			why = "its image is not whole: " + lacks
		}
	}
	ck.layouts[ref] = why
	return why
}

// writes reports whether a target of the plan writes a folder.
func (ck *checker) writes(dir string) bool {
	return slices.ContainsFunc(ck.plan.Builds, func(b *planner.Build) bool {
		return b.Wanted && slices.ContainsFunc(b.Target.Outputs, func(o config.Output) bool {
			return o.Dest != "" && filepath.Clean(filepath.FromSlash(o.Dest)) == filepath.Clean(dir)
		})
	})
}
