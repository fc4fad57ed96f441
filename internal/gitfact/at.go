package gitfact

import (
	"errors"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
)

// At reads a fact as it would be with a commit checked out, under a branch that
// may be "".
func At(dir, commit, branch, fact string) (any, error) {
	switch fact {
	case "sha":
		return commit, nil
	case "short":
		return commit[:min(len(commit), shortSHA)], nil
	case "dirty":
		return false, nil
	case "branch":
		if branch == "" {
			return nil, nil
		}
		return branch, nil
	}
	repo, err := Open(dir)
	if errors.Is(err, git.ErrRepositoryNotExists) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	switch fact {
	case "root":
		return treeFact(repo, fact)
	case "tag":
		return tagOf(repo, plumbing.NewHash(commit))
	case "commit_time":
		c, err := repo.CommitObject(plumbing.NewHash(commit))
		if err != nil {
			return nil, err
		}
		return c.Committer.When.UTC().Format(time.RFC3339), nil
	}
	return nil, nil
}
