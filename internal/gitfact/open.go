package gitfact

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/storage/filesystem"
	"github.com/go-git/go-git/v5/storage/filesystem/dotgit"
)

// harmless are extensions of repositories that the library refuses, and that say
// nothing of how commits and references are read: a sparse checkout sets the first
// one, a partial clone the second.
var harmless = []string{"worktreeconfig", "partialclone", "preciousobjects", "relativeworktrees"}

// Open opens the repository around a folder, to read it.
func Open(dir string) (*git.Repository, error) {
	repo, err := git.PlainOpenWithOptions(dir, &git.PlainOpenOptions{DetectDotGit: true, EnableDotGitCommonDir: true})
	if !errors.Is(err, git.ErrUnknownExtension) && !errors.Is(err, git.ErrUnsupportedExtensionRepositoryFormatVersion) {
		return repo, err
	}
	root, dot := around(dir)
	if dot == "" {
		return nil, err
	}
	common := dot
	if text, err := os.ReadFile(filepath.Join(dot, "commondir")); err == nil {
		common = under(dot, strings.TrimSpace(string(text)))
	}
	fs := dotgit.NewRepositoryFilesystem(osfs.New(dot), osfs.New(common))
	return git.Open(reader{filesystem.NewStorage(fs, cache.NewObjectLRUDefault())}, osfs.New(root))
}

// around is the folder of the repository that a folder is in, and what git keeps
// of it, also where a file named .git says where that is.
func around(dir string) (root, dot string) {
	root, err := filepath.Abs(dir)
	if err != nil {
		return "", ""
	}
	for {
		dot = filepath.Join(root, git.GitDirName)
		if info, err := os.Stat(dot); err == nil && info.IsDir() {
			return root, dot
		}
		if text, err := os.ReadFile(dot); err == nil {
			if to, ok := strings.CutPrefix(string(text), "gitdir:"); ok {
				return root, under(root, strings.TrimSpace(to))
			}
		}
		parent := filepath.Dir(root)
		if parent == root {
			return "", ""
		}
		root = parent
	}
}

func under(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// reader is a repository without its harmless extensions.
type reader struct{ *filesystem.Storage }

func (r reader) Config() (*config.Config, error) {
	cfg, err := r.Storage.Config()
	if err != nil {
		return nil, err
	}
	if cfg.Raw.HasSection("extensions") {
		section := cfg.Raw.Section("extensions")
		for _, option := range slices.Clone(section.Options) {
			if slices.Contains(harmless, strings.ToLower(option.Key)) {
				section.RemoveOption(option.Key)
			}
		}
	}
	return cfg, nil
}
