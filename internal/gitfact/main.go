package gitfact

import (
	"strings"

	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"
)

// Main finds the main branch of the repository around a folder, and says by what:
// the branch that origin/HEAD points to, else init.defaultBranch, main or master,
// if there is such a branch here or at origin. Both are "" if nothing says it.
func Main(dir string) (branch, by string) {
	repo, err := Open(dir)
	if err != nil {
		return "", ""
	}
	const prefix = "refs/remotes/origin/"
	if head, err := repo.Reference(plumbing.NewRemoteHEADReferenceName("origin"), false); err == nil {
		if name, ok := strings.CutPrefix(head.Target().String(), prefix); ok {
			return name, "origin/HEAD"
		}
	}
	there := func(name string) bool {
		for _, ref := range []plumbing.ReferenceName{plumbing.NewBranchReferenceName(name), plumbing.NewRemoteReferenceName("origin", name)} {
			if _, err := repo.Reference(ref, true); err == nil {
				return true
			}
		}
		return false
	}
	if c, err := repo.ConfigScoped(config.GlobalScope); err == nil && c.Init.DefaultBranch != "" && there(c.Init.DefaultBranch) {
		return c.Init.DefaultBranch, "init.defaultBranch of git"
	}
	for _, name := range []string{"main", "master"} {
		if there(name) {
			return name, "the branch that is there"
		}
	}
	return "", ""
}
