package planner

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/fault"
)

// checkContexts reports the contexts of a target that are not directories.
func (r *reading) checkContexts(t *config.Target) bool {
	ok := r.checkContext(t, t.Context, "context", "The context")
	switch t.Context.Kind {
	case config.Image, config.OCILayout, config.LinkedTarget:
		r.faults.Fail(t.RangeOf("context"), "Unsupported context",
			"Target %q: BuildKit takes a directory, a git repository or an URL as the main context, and %q is none. Name it in contexts, as in contexts = { src = %q }, and read it with COPY --from=src.",
			t.Name, t.Context.Raw, t.Context.Raw)
		ok = false
	}
	for _, name := range slices.Sorted(maps.Keys(t.Contexts)) {
		if !r.checkContext(t, t.Contexts[name], "contexts."+name, fmt.Sprintf("The context %q", name)) {
			ok = false
		}
	}
	return ok
}

func (r *reading) checkContext(t *config.Target, c config.Context, attr, what string) bool {
	if c.Kind != config.Local {
		return true
	}
	dir := contextDir(c)
	err := r.checkDir(dir)
	if err == nil {
		return true
	}
	at := ContextRange(t, attr)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.faults.Fail(at, "Context not found", "%s of target %q is %s, which does not exist. Paths start from the working directory.", what, t.Name, filepath.ToSlash(dir))
	case errors.Is(err, syscall.ENOTDIR):
		r.faults.Fail(at, "Context is not a directory", "%s of target %q is %s, which is not a directory. Write the directory that holds it.", what, t.Name, filepath.ToSlash(dir))
	default:
		r.faults.Fail(at, "Unreadable context", "%s of target %q: reading %s: %s.", what, t.Name, filepath.ToSlash(dir), fault.Reason(err))
	}
	return false
}

// checkDir says why a path is not a directory; each is looked at once.
func (r *reading) checkDir(dir string) error {
	if err, ok := r.dirs[dir]; ok {
		return err
	}
	info, err := r.disk.Stat(dir)
	if err == nil && !info.IsDir() {
		err = syscall.ENOTDIR
	}
	r.dirs[dir] = err
	return err
}
