package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	digest "github.com/opencontainers/go-digest"
)

// HasManifest says whether a repository answers for a manifest under its digest;
// a size below 0 is any.
func (c *Client) HasManifest(ctx context.Context, repo Repo, d digest.Digest, size int64) (bool, error) {
	return c.has(ctx, request{repo: repo, path: "manifests/" + d.String(), header: http.Header{"Accept": {manifestTypes}}}, size)
}

// mostTags bounds how many tags of a repository are listed.
const mostTags = 100_000

// Tags lists the tags of a repository.
func (c *Client) Tags(ctx context.Context, repo Repo) ([]string, error) {
	var out []string
	for last := ""; len(out) < mostTags; {
		a, err := c.do(ctx, request{repo: repo, method: http.MethodGet, path: "tags/list?n=1000" + last})
		if err != nil {
			return nil, err
		}
		var list struct{ Tags []string }
		if err := json.Unmarshal(a.body, &list); err != nil {
			return nil, fmt.Errorf("reading the tags of %s: %w", repo, err)
		}
		out = append(out, list.Tags...)
		if a.header.Get("Link") == "" || len(list.Tags) == 0 {
			break
		}
		last = "&last=" + url.QueryEscape(list.Tags[len(list.Tags)-1])
	}
	return out, nil
}

// Copy sees to it that a repository has a blob that another one has. Where both
// are of one registry, it is asked to mount the blob, which moves nothing.
func (c *Client) Copy(ctx context.Context, from, to Repo, d digest.Digest, size int64) error {
	return c.UploadOrMount(ctx, from, to, d, size, func() (io.ReadCloser, error) { return c.Open(ctx, from, d) })
}

// UploadOrMount is Upload of a blob that another repository may have: where that is
// of the same registry, it is asked to mount the blob.
func (c *Client) UploadOrMount(ctx context.Context, from, to Repo, d digest.Digest, size int64, open func() (io.ReadCloser, error)) error {
	if have, err := c.HasBlob(ctx, to, d, size); err != nil || have {
		return err
	}
	path := "blobs/uploads/"
	if from.Domain == to.Domain {
		path += "?mount=" + url.QueryEscape(d.String()) + "&from=" + url.QueryEscape(from.Path)
	}
	return c.upload(ctx, to, path, d, size, open)
}

// Upload sees to it that a repository has a blob of whatever size. open may be
// called again.
func (c *Client) Upload(ctx context.Context, repo Repo, d digest.Digest, size int64, open func() (io.ReadCloser, error)) error {
	if have, err := c.HasBlob(ctx, repo, d, size); err != nil || have {
		return err
	}
	return c.upload(ctx, repo, "blobs/uploads/", d, size, open)
}

// upload begins an upload at a path, and sends what is not there yet.
func (c *Client) upload(ctx context.Context, to Repo, path string, d digest.Digest, size int64, open func() (io.ReadCloser, error)) error {
	a, err := c.do(ctx, request{repo: to, method: http.MethodPost, path: path, body: []byte{}})
	if err != nil {
		return err
	}
	if a.status == http.StatusCreated {
		return nil // mounted
	}
	at, err := a.uploadTo(to, d)
	if err != nil {
		return err
	}
	_, err = c.do(ctx, request{
		repo: to, method: http.MethodPut, at: at, size: size,
		header: http.Header{"Content-Type": {"application/octet-stream"}},
		stream: open,
	})
	return err
}

// Open reads a blob as it comes, however large it is; it is asked for once. Whoever
// takes it verifies it: a registry does so with an upload.
func (c *Client) Open(ctx context.Context, repo Repo, d digest.Digest) (io.ReadCloser, error) {
	return pulled(ctx, c, repo, func(c *Client, repo Repo) (io.ReadCloser, error) { return c.open(ctx, repo, d) })
}

func (c *Client) open(ctx context.Context, repo Repo, d digest.Digest) (io.ReadCloser, error) {
	r := request{repo: repo, method: http.MethodGet, path: "blobs/" + d.String()}
	if err := r.valid(); err != nil {
		return nil, err
	}
	h, err := c.host(repo)
	if err != nil {
		return nil, err
	}
	req, err := c.authorized(ctx, h, r, h.wants(r.scope()))
	if err != nil {
		return nil, err
	}
	resp, err := (&http.Client{Transport: h}).Do(req)
	if err != nil {
		return nil, h.unreached(r, err)
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, newError(resp.Request, resp.StatusCode, nil)
	}
	return resp.Body, nil
}

// Verify reads a blob of whatever size, and holds it against its digest.
func (c *Client) Verify(ctx context.Context, repo Repo, d digest.Digest, size int64) error {
	if has, err := c.HasBlob(ctx, repo, d, size); err != nil || !has {
		return errors.Join(err, fmt.Errorf("%s does not have the blob %s", repo, d))
	}
	body, err := c.Open(ctx, repo, d)
	if err != nil {
		return err
	}
	defer body.Close()
	verifier := d.Verifier()
	if _, err := io.Copy(verifier, body); err != nil {
		return fmt.Errorf("reading the blob %s: %w", d, err)
	}
	if !verifier.Verified() {
		return fmt.Errorf("%w %s", ErrOther, d)
	}
	return nil
}
