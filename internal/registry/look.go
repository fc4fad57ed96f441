package registry

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"time"
)

// MayPush asks whether a repository takes blobs from here. It begins an upload,
// and takes it back.
func (c *Client) MayPush(ctx context.Context, repo Repo) error {
	a, err := c.do(ctx, request{repo: repo, method: http.MethodPost, path: "blobs/uploads/", body: []byte{}})
	if err != nil {
		return err
	}
	if at, err := a.url.Parse(a.header.Get("Location")); err == nil && a.header.Get("Location") != "" {
		// A registry that does not take it back forgets it after some time.
		_, _ = c.do(ctx, request{repo: repo, method: http.MethodDelete, at: at.String()})
	}
	return nil
}

// Date is what the clock of a repository's registry says; zero if it does not
// say.
func (c *Client) Date(ctx context.Context, repo Repo) (time.Time, error) {
	h, err := c.host(repo)
	if err != nil {
		return time.Time{}, err
	}
	repo.Path = ""
	r := request{repo: repo, method: http.MethodGet}
	a, err := c.once(ctx, h, r, "")
	if err != nil && c.mayBeOpen(h, err) {
		a, err = c.once(ctx, h, r, "")
	}
	if err != nil {
		return time.Time{}, err
	}
	date, err := http.ParseTime(a.header.Get("Date"))
	if err != nil {
		return time.Time{}, nil
	}
	return date, nil
}

// Helpers are the programs that the docker configuration names for credentials.
func (c *Credentials) Helpers() []string {
	names := map[string]bool{}
	if c.file.CredentialsStore != "" {
		names["docker-credential-"+c.file.CredentialsStore] = true
	}
	for _, suffix := range c.file.CredentialHelpers {
		names["docker-credential-"+suffix] = true
	}
	return slices.Sorted(maps.Keys(names))
}
