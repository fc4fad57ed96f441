package editing

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/config/permission"
)

// grant is what may be read for a definition that is open in an editor.
type grant struct{ *permission.Set }

// granted is the grant of a definition in a folder: that folder or, in a git
// repository, all of it. Nothing else can be allowed, as nobody is asked.
func granted(dir string) grant {
	set, err := permission.Parse(nil)
	if err != nil {
		panic(err) // there is nothing to be wrong
	}
	set.GrantRead(repository(dir))
	return grant{set}
}

// repository is the folder with the git repository that a folder is in, or itself.
func repository(dir string) string {
	for at := dir; ; {
		if _, err := os.Lstat(filepath.Join(at, ".git")); err == nil {
			return at
		}
		up := filepath.Dir(at)
		if up == at {
			return dir
		}
		at = up
	}
}

// reads says whether a file may be read.
func (g grant) reads(path string) bool {
	real, err := permission.RealPath(path)
	return err == nil && len(g.Missing([]permission.Need{{Key: permission.Read, Value: real}})) == 0
}

// plans says whether all files may be read that a plan of a target takes.
func (g grant) plans(dir string, t *config.Target) bool {
	needs, err := permission.Planned(&config.Config{Targets: []*config.Target{absolute(dir, t)}})
	return err == nil && len(g.Missing(needs)) == 0
}

// absolute is a target whose paths start from a folder.
func absolute(dir string, t *config.Target) *config.Target {
	from := func(path string) string {
		if filepath.IsAbs(path) {
			return path
		}
		return filepath.Join(dir, path)
	}
	context := func(c config.Context) config.Context {
		if c.Kind == config.Local || c.Kind == config.OCILayout {
			c.Value = from(c.Value)
		}
		return c
	}
	out := *t
	out.Context = context(t.Context)
	out.Contexts = map[string]config.Context{}
	for name, c := range t.Contexts {
		out.Contexts[name] = context(c)
	}
	if rest, ok := strings.CutPrefix(t.Dockerfile, "cwd://"); ok {
		out.Dockerfile = from(rest)
	}
	return &out
}
