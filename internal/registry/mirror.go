package registry

import (
	"context"
	"strings"
)

// Pulling returns a client that reads images as a builder pulls them: from the first
// mirror of a registry that has one, and else from the registry itself. What is
// written, and what is listed, is the registry's alone.
func (c *Client) Pulling(mirrors map[string][]string) *Client {
	pulling := New(c.opt)
	once := c.opt
	once.Budget = 1 // there are others to ask
	pulling.mirrors, pulling.through = mirrors, New(once)
	return pulling
}

// pulled reads something of a repository.
func pulled[T any](ctx context.Context, c *Client, repo Repo, read func(*Client, Repo) (T, error)) (T, error) {
	for _, mirror := range c.mirrors[repo.Domain] {
		if got, err := read(c.through, repo.At(mirror)); err == nil || ctx.Err() != nil {
			return got, err
		}
	}
	return read(c, repo)
}

// At is the repository in a mirror of its registry: a host, or one with a path.
func (r Repo) At(mirror string) Repo {
	host, dir, _ := strings.Cut(mirror, "/")
	return Repo{Domain: host, Path: strings.TrimPrefix(dir+"/"+r.Path, "/"), Insecure: r.Insecure}
}
