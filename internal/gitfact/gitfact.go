// Package gitfact reads single facts about the git repository around a folder:
// the commit, the branch, whether files have changed. It runs no git command and
// writes nothing.
package gitfact

import (
	"errors"
	"slices"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
)

// shortSHA is how many digits of a commit git.short has.
const shortSHA = 7

// Branch returns the branch that is checked out around a folder, or "".
func Branch(dir string) string {
	branch, err := Read(dir, "branch")
	if err != nil {
		return ""
	}
	name, _ := branch.(string)
	return name
}

// Read reads one fact about the repository around a folder: sha, short, branch,
// tag, commit_time, root or dirty. Without a repository it is nil.
func Read(dir, fact string) (any, error) {
	repo, err := Open(dir)
	if errors.Is(err, git.ErrRepositoryNotExists) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if fact == "root" || fact == "dirty" {
		return treeFact(repo, fact)
	}
	head, err := repo.Head()
	if errors.Is(err, plumbing.ErrReferenceNotFound) {
		return nil, nil // there is no commit yet
	}
	if err != nil {
		return nil, err
	}
	switch fact {
	case "sha":
		return head.Hash().String(), nil
	case "short":
		return head.Hash().String()[:shortSHA], nil
	case "branch":
		if !head.Name().IsBranch() {
			return nil, nil
		}
		return head.Name().Short(), nil
	case "tag":
		return tagOf(repo, head.Hash())
	case "commit_time":
		commit, err := repo.CommitObject(head.Hash())
		if err != nil {
			return nil, err
		}
		return commit.Committer.When.UTC().Format(time.RFC3339), nil
	}
	return nil, nil
}

// treeFact reads what is known of the checked out files: where they are, and
// whether a file that git knows differs from the commit.
func treeFact(repo *git.Repository, fact string) (any, error) {
	tree, err := repo.Worktree()
	if errors.Is(err, git.ErrIsBareRepository) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if fact == "root" {
		return tree.Filesystem.Root(), nil
	}
	status, err := tree.Status()
	if err != nil {
		return nil, err
	}
	for _, s := range status {
		if s.Worktree != git.Untracked && (s.Worktree != git.Unmodified || s.Staging != git.Unmodified) {
			return true, nil
		}
	}
	return false, nil
}

// tagOf returns the tag on a commit; of several the last one by name.
func tagOf(repo *git.Repository, commit plumbing.Hash) (any, error) {
	tags, err := repo.Tags()
	if err != nil {
		return nil, err
	}
	var names []string
	err = tags.ForEach(func(ref *plumbing.Reference) error {
		hash := ref.Hash()
		if tag, err := repo.TagObject(hash); err == nil {
			hash = tag.Target // an annotated tag
		}
		if hash == commit {
			names = append(names, ref.Name().Short())
		}
		return nil
	})
	if err != nil || len(names) == 0 {
		return nil, err
	}
	slices.Sort(names)
	return names[len(names)-1], nil
}
